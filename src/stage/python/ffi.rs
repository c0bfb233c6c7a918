//! What Rust cannot see through: a mapping that is shared with another process, its regions, and what a child does before
//! it is another program.
#![allow(unsafe_code)]

use std::{
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
    ptr::NonNull,
    sync::Arc,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    io::{FdFlags, fcntl_setfd},
    mm::{MapFlags, ProtFlags, mmap, munmap},
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
};

/// The first descriptor behind the standard ones.
const FIRST_INHERITED: u32 = 3;
/// More than Linux has (41 of them in 6.x); those that it does not know are refused.
const CAPABILITIES: libc::c_ulong = 64;

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

/// A file in memory whose length is sealed: a mapping of it cannot fault.
pub struct Sealed {
    file: OwnedFd,
    length: usize,
}

impl Sealed {
    /// A file of `length` zeroed bytes.
    ///
    /// # Errors
    /// The system refused memory or a descriptor.
    pub fn new(name: &str, length: usize) -> std::io::Result<Self> {
        let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, length as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self { file, length })
    }

    /// Maps `count` regions of `length` bytes each from its start.
    ///
    /// # Errors
    /// They are longer than the file, or the system refused memory.
    pub fn map(&self, count: usize, length: usize) -> std::io::Result<Vec<Region>> {
        let total = count.checked_mul(length).filter(|total| (1..=self.length).contains(total));
        let total = total.ok_or(rustix::io::Errno::INVAL)?;
        // SAFETY: a new mapping at an address of the kernel's choice; `new` made the file at least as long as `total` and
        // sealed its length, so that no access can fault.
        let start = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            mmap(std::ptr::null_mut(), total, access, MapFlags::SHARED, &self.file, 0)?
        };
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        let mapping = Arc::new(Mapping { start, length: total });
        let region = |index| Region { mapping: mapping.clone(), start: index * length, length };
        Ok((0..count).map(region).collect())
    }

    /// The file, for the process that shares it.
    pub fn into_file(self) -> OwnedFd {
        self.file
    }
}

/// A part of a mapping that no other region overlaps.
pub struct Region {
    mapping: Arc<Mapping>,
    start: usize,
    length: usize,
}

impl Region {
    /// Its bytes. A worker that breaks the protocol may change them meanwhile: they are pixels, which are copied into
    /// encoders and on which nothing depends.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: start + length lies in the mapping, which lives as long as `self`; no other region of this process
        // overlaps. Another process may write: the compiler then reads either byte, and every byte is a valid one.
        unsafe { std::slice::from_raw_parts(self.mapping.start.as_ptr().add(self.start), self.length) }
    }

    /// Copies `from` to `at`. Makes no reference to the bytes, which another process may write as well.
    ///
    /// # Panics
    /// It does not fit.
    pub fn write(&mut self, at: usize, from: &[u8]) {
        assert!(
            at.checked_add(from.len()).is_some_and(|end| end <= self.length),
            "a write inside the region"
        );
        // SAFETY: at + length lies in the region, as was just checked, and the region in the mapping, which lives as long
        // as `self`; `self` is borrowed alone, and `from` is no part of this mapping but through another region, which
        // does not overlap.
        unsafe {
            let into = self.mapping.start.as_ptr().add(self.start + at);
            std::ptr::copy_nonoverlapping(from.as_ptr(), into, from.len());
        }
    }
}

/// Makes the child die with the thread that starts it; where that has died before, not start at all. The child keeps
/// `socket` and no other descriptor but its standard ones, leaves no core, and can gain no privileges: not by a program
/// with a set-user-ID bit, nor, where the server is root, by being root. Huge pages, which the server refuses, are for the
/// child's models again. `sandbox`: Landlock's rules for it, which a filter of system calls completes.
pub fn confine(command: &mut Command, socket: RawFd, sandbox: Option<OwnedFd>) {
    let parent = rustix::process::getpid();
    let sandbox = sandbox.map(|rules| (rules, filter()));
    let before_exec = move || {
        confine_self(parent, socket)?;
        sandbox.as_ref().map_or(Ok(()), |(rules, filter)| enter_sandbox(rules, filter))
    };
    // SAFETY: between fork and exec only system calls are made: nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(before_exec) };
}

fn confine_self(parent: Pid, socket: RawFd) -> std::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        return Err(rustix::io::Errno::SRCH.into());
    }
    close_on_exec_from(FIRST_INHERITED);
    // SAFETY: the caller of `confine` holds the socket open until the child runs.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    fcntl_setfd(socket, FdFlags::empty())?;
    drop_privileges()?;
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: setrlimit reads one rlimit; prctl takes integers. The latter fails on no kernel that takes the 1 of
    // `memory::settle`.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
    }
    Ok(())
}

/// Linux before 5.11 does not have it: there a child inherits the descriptors that libraries forgot to mark.
fn close_on_exec_from(first: u32) {
    // SAFETY: close_range takes integers, and with this flag it closes nothing of this process.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Empties what the next program can get capabilities from (capabilities(7)): the bounding set, which only root may and
/// which only root needs to, and the ambient set. `no_new_privs` closes the rest.
fn drop_privileges() -> std::io::Result<()> {
    // SAFETY: prctl takes integers and touches nothing of ours.
    let refused = unsafe {
        for capability in 0..CAPABILITIES {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    };
    if refused == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The version of Landlock that the kernel has (1 with Linux 5.13, 6 with 6.12); `None` if it has none or it is turned off:
/// `LANDLOCK_CREATE_RULESET_VERSION` of `landlock_create_ruleset(2)`.
pub fn landlock_version() -> Option<u32> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no attribute and only returns a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Applies the rules and the filter to this process and all that it starts, for good. After `drop_privileges`, without
/// which neither is allowed.
fn enter_sandbox(rules: &OwnedFd, filter: &[libc::sock_filter]) -> std::io::Result<()> {
    let length = u16::try_from(filter.len()).map_err(|_| rustix::io::Errno::INVAL)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    // SAFETY: landlock_restrict_self(2) takes a descriptor, which `rules` holds open. prctl(2) copies the program, whose
    // length is that of the slice, and writes nothing.
    let refused = unsafe {
        libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) != 0
    };
    if refused { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// The machine of a system call, as `AUDIT_ARCH_*` of linux/audit.h numbers it.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls that Landlock does not bound, or by which another process of the user could be used to get round it.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,         // the network, and services of this host that listen on a path
    libc::SYS_io_uring_setup, // opens sockets as well
    libc::SYS_truncate,       // of files outside, before version 3 of Landlock
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// A filter for seccomp(2) that answers those calls, and all of another machine, with `EPERM`.
fn filter() -> Vec<libc::sock_filter> {
    const NUMBER: u32 = 0; // offsets in seccomp_data
    const MACHINE: u32 = 4;
    /// Calls of the x32 ABI have this bit.
    const X32: u32 = 0x4000_0000;
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let give = |value| statement(libc::BPF_RET | libc::BPF_K, value);
    let mut program = vec![
        load(MACHINE),
        jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
        give(refuse),
        load(NUMBER),
        jump(libc::BPF_JGE, X32, 0, 1),
        give(refuse),
    ];
    for call in REFUSED {
        let number = u32::try_from(*call).unwrap_or(u32::MAX);
        program.extend([jump(libc::BPF_JEQ, number, 0, 1), give(refuse)]);
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: opcode(code), jt: 0, jf: 0, k }
}

/// Skips `yes` instructions where the comparison holds, and `no` where it does not.
fn jump(comparison: u32, k: u32, yes: u8, no: u8) -> libc::sock_filter {
    libc::sock_filter { code: opcode(libc::BPF_JMP | comparison | libc::BPF_K), jt: yes, jf: no, k }
}

#[expect(clippy::cast_possible_truncation, reason = "all of bpf's opcodes are below 256")]
const fn opcode(code: u32) -> u16 {
    code as u16
}
