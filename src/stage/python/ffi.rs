//! The three things that Rust cannot see through: a shared mapping, its regions, and what a child does before it is
//! another program.
#![allow(unsafe_code)]

use std::{
    os::{
        fd::{AsFd, BorrowedFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
    ptr::NonNull,
    sync::Arc,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    mm::{MapFlags, ProtFlags, mmap, munmap},
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
};

/// A file's memory, mapped for as long as one of its regions lives.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to no thread; its bytes are reached through regions alone.
unsafe impl Send for Mapping {}
// SAFETY: as above; `Mapping` itself gives no access.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and `length` are what mmap gave, and the last region is gone.
        unsafe { munmap(self.start.as_ptr().cast(), self.length).ok() };
    }
}

/// A part of a mapping that no other region overlaps.
pub struct Region {
    mapping: Arc<Mapping>,
    start: usize,
    length: usize,
}

/// Maps `count` regions of `length` bytes each from the start of `file`, which is sealed against shrinking.
pub fn map(file: impl AsFd, count: usize, length: usize) -> std::io::Result<Vec<Region>> {
    let total = count.checked_mul(length).filter(|total| *total > 0).ok_or(rustix::io::Errno::INVAL)?;
    // SAFETY: a new mapping at an address of the kernel's choice; the file is as long as `total` and stays so, since it is
    // sealed, so that no access can fault.
    let start = unsafe {
        mmap(std::ptr::null_mut(), total, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)?
    };
    let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
    let mapping = Arc::new(Mapping { start, length: total });
    Ok((0..count).map(|index| Region { mapping: mapping.clone(), start: index * length, length }).collect())
}

impl Region {
    /// Its bytes. A worker that breaks the protocol may change them meanwhile: they are pixels, on which nothing depends.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: start + length lies in the mapping, which lives as long as `self`; no other region of this process
        // overlaps. Another process may write: the compiler then reads either byte, and every byte is a valid one.
        unsafe { std::slice::from_raw_parts(self.mapping.start.as_ptr().add(self.start), self.length) }
    }

    /// Its bytes, to fill.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.mapping.start.as_ptr().add(self.start), self.length) }
    }
}

/// Makes the child keep `socket` and die with the thread that starts it; where that has died before, not start at all.
/// Huge pages, which the server refuses, are for the child's models again.
pub fn tie_to_this_thread(command: &mut Command, socket: RawFd) {
    let parent = rustix::process::getpid();
    let before_exec = move || tie(parent, socket);
    // SAFETY: between fork and exec only system calls are made: nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(before_exec) };
}

fn tie(parent: Pid, socket: RawFd) -> std::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        return Err(rustix::io::Errno::SRCH.into());
    }
    // SAFETY: the caller of `tie_to_this_thread` holds the socket open until the child runs.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    fcntl_setfd(socket, FdFlags::empty())?;
    // SAFETY: prctl takes integers. It fails on no kernel that takes the 1 of `memory::settle`.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0) };
    Ok(())
}
