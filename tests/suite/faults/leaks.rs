//! Nothing of a session is left: threads, file descriptors and, after a warm-up, memory.
//!
//! `LEAK_SESSIONS=200 LEAK_AT_ONCE=50 cargo nextest run --no-capture leaks::` prints the figures of a longer run.

use crate::support::{
    LIMIT,
    client::Client,
    codec::Codec,
    server::{Resources, Server},
};

/// Sessions before the first look: plugins, pools and the allocator's arenas are there for good then.
const WARM_UP: usize = 10;
/// Sessions between two points of the curve that is printed.
const CURVE_STEP: usize = 200;

fn at_once() -> usize {
    std::env::var("LEAK_AT_ONCE").ok().and_then(|count| count.parse().ok()).unwrap_or(20)
}

fn sessions() -> usize {
    std::env::var("LEAK_SESSIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(50)
}

fn server() -> Server {
    Server::spawn(
        &[],
        &[("SCOPE_OFFLINE", "1"), ("SCOPE_MAX_SESSIONS", "64"), ("SCOPE_VANISH_TIMEOUT", "2s")],
    )
}

/// One whole session: a picture comes back, then it is closed.
fn one(server: &Server, number: usize) {
    let codec = Codec::ALL[number % Codec::ALL.len()];
    let client = Client::builder().codec(codec).with_audio().fps(30).connect(server.url()).unwrap();
    client.expect("a picture", |stats| stats.rises() >= 3, LIMIT);
    client.delete().unwrap();
}

/// So many sessions one after another; the curve is printed.
fn run(server: &Server, count: usize) {
    for number in 1..=count {
        one(server, number);
        if number % CURVE_STEP == 0 || number == count {
            print(&format!("after {number} more"), &server.resources());
        }
    }
}

fn print(when: &str, resources: &Resources) {
    println!(
        "{when:>24}: {} threads, {} file descriptors, {} MB",
        resources.threads,
        resources.fds,
        resources.rss_kb / 1024
    );
}

#[test]
fn nothing_is_left_of_sessions_one_after_another() {
    let server = server();
    print("idle", &server.resources());
    (0..WARM_UP).for_each(|number| one(&server, number));
    let warm = server.resources();
    print(&format!("after {WARM_UP}"), &warm);

    let half = sessions() / 2;
    run(&server, half);
    let middle = server.resources();
    run(&server, half);

    assert!(server.returns_to(&warm), "{:?} before, {:?} after", warm, server.resources());
    let end = server.resources();
    let growth_kb = end.rss_kb.saturating_sub(middle.rss_kb) / half.max(1);
    println!("growth in the second half: {growth_kb} kB a session");
    assert!(growth_kb < 512, "memory grows by {growth_kb} kB a session");
}

#[test]
fn nothing_is_left_of_twenty_sessions_at_once_nor_of_vanished_ones() {
    let server = server();
    (0..WARM_UP).for_each(|number| one(&server, number));
    let warm = server.resources();
    print("warm", &warm);

    let mut clients: Vec<_> =
        (0..at_once()).map(|_| Client::builder().connect(server.url()).unwrap()).collect();
    for client in &clients {
        client.expect("a picture", |stats| stats.rises() >= 5, LIMIT);
    }
    print(&format!("{} at once", clients.len()), &server.resources());
    for (number, client) in clients.iter_mut().enumerate() {
        match number % 3 {
            0 => client.vanish(),
            1 => client.close(),
            _ => drop(client.delete().unwrap()),
        }
    }

    assert!(server.returns_to(&warm), "{:?} before, {:?} after", warm, server.resources());
    print("after them", &server.resources());
}

#[test]
fn the_detector_catches_one_session_that_stays() {
    let server = server();
    (0..2).for_each(|number| one(&server, number));
    assert!(crate::support::wait_until(|| server.resources().threads < 40, LIMIT));
    let before = server.resources();

    let left = Client::builder().connect(server.url()).unwrap();
    left.expect("a picture", |stats| stats.rises() >= 3, LIMIT);

    assert!(
        !server.resources().is_back_at(&before),
        "{:?} before, {:?} with one",
        before,
        server.resources()
    );
}
