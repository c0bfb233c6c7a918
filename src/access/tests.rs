use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn state(folder: &tempfile::TempDir) -> StateDir {
    StateDir::from(folder.path().to_owned())
}

fn evidence<'a>(key: Option<&'a str>, sign_in: Option<&'a str>, direct: bool) -> Evidence<'a> {
    Evidence { from: HERE, direct, key, sign_in, origin: None }
}

fn role(access: &Access, evidence: &Evidence<'_>) -> Role {
    access.caller(evidence).role()
}

#[test]
fn a_proof_decides_and_without_one_this_machine_is_the_operators() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();

    let alice = access.caller(&evidence(Some(key.expose()), None, true));
    assert_eq!((alice.role(), alice.subject().to_string().as_str()), (Role::User, "key:alice"));
    assert_eq!(role(&access, &evidence(None, None, true)), Role::Operator);
    assert_eq!(role(&access, &evidence(None, None, false)), Role::Nobody);
    assert_eq!(role(&access, &evidence(Some("wrong"), None, true)), Role::Nobody, "a wrong key is not none");
    assert_eq!(role(&access, &evidence(None, Some("stale"), true)), Role::Operator, "a stale cookie is");
    assert_eq!(role(&access, &evidence(None, Some("stale"), false)), Role::Nobody);
    let strict =
        Access::load(&Settings { trust_loopback: false, ..settings.clone() }, &state, Reach::Network)
            .unwrap();
    assert_eq!(role(&strict, &evidence(None, None, true)), Role::Nobody);
    let open = Access::load(&Settings { open: true, ..settings }, &state, Reach::Network).unwrap();
    assert_eq!(role(&open, &evidence(Some("wrong"), None, false)), Role::Operator);
}

#[test]
fn a_key_is_made_and_kept_where_others_reach_the_server_and_none_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let made = |settings: &Settings, reach| {
        Access::load(settings, &state, reach).unwrap().made_key().map(|key| key.expose().to_owned())
    };
    assert_eq!(made(&settings, Reach::Machine), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written for this machine alone");

    let first = made(&settings, Reach::Network).unwrap();

    assert_eq!(made(&settings, Reach::Network), Some(first.clone()), "the same at the next start");
    let path = folder.path().join(MADE);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    assert_eq!(role(&access, &evidence(Some(&first), None, false)), Role::Operator);
    let own = Settings { key: Some(Key::parse("0123456789abcdef").unwrap()), ..settings.clone() };
    assert_eq!(made(&own, Reach::Network), None);
    settings.keys(&state).add("alice", Role::Operator).unwrap();
    assert_eq!(made(&settings, Reach::Network), None);
}

#[test]
fn a_disk_that_cannot_be_written_gives_a_key_for_this_run() {
    let (settings, state) = (Settings::default(), StateDir::from(PathBuf::from("/proc/scope")));

    let access = Access::load(&settings, &state, Reach::Network).unwrap();

    let key = access.made_key().unwrap().expose().to_owned();
    assert_eq!(role(&access, &evidence(Some(&key), None, false)), Role::Operator);
}

#[test]
fn the_operators_key_comes_from_a_file_that_is_there_and_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let (settings, state) =
        (Settings { key_file: Some(path.clone()), ..Settings::default() }, state(&folder));
    for text in [None, Some("short")] {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }

        let fault = Access::load(&settings, &state, Reach::Machine).err().unwrap().to_string();

        assert!(fault.contains("secret") && !fault.contains("short"), "{fault}");
    }
    fs::write(&path, "0123456789abcdef\n").unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    assert_eq!(role(&access, &evidence(Some("0123456789abcdef"), None, false)), Role::Operator);
}

#[test]
fn a_sign_in_lasts_until_the_sign_out_or_the_end_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    let sign_in = || access.sign_in(key.expose(), HERE).unwrap().1;
    let (one, other) = (sign_in(), sign_in());
    assert_eq!(role(&access, &evidence(None, Some(&one), false)), Role::User);

    access.sign_out(&one);

    assert_eq!(role(&access, &evidence(None, Some(&one), false)), Role::Nobody);
    assert_eq!(role(&access, &evidence(None, Some(&other), false)), Role::User);
    settings.keys(&state).revoke("alice").unwrap();
    access.0.keys.reread();
    assert_eq!(role(&access, &evidence(None, Some(&other), false)), Role::Nobody);
    assert_eq!(role(&access, &evidence(Some(key.expose()), None, false)), Role::Nobody);
}

#[test]
fn guessing_is_slowed_down_and_a_right_key_waits_too() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    while !matches!(access.sign_in("wrong", HERE), Err(Refused::TooMany(_))) {}

    let refused = access.sign_in(key.expose(), HERE);

    assert!(matches!(refused, Err(Refused::TooMany(_))));
    assert!(access.sign_in(key.expose(), [203, 0, 113, 9].into()).is_ok());
}

#[test]
fn a_file_that_is_being_edited_takes_no_key_away() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();

    fs::write(settings.keys(&state).path(), "[[keys").unwrap();
    access.0.keys.reread();

    assert_eq!(role(&access, &evidence(Some(key.expose()), None, false)), Role::User);
    fs::remove_file(settings.keys(&state).path()).unwrap();
    access.0.keys.reread();
    assert_eq!(role(&access, &evidence(Some(key.expose()), None, false)), Role::Nobody);
}

#[test]
fn of_ten_thousand_changed_keys_none_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    let cookie = access.sign_in(key.expose(), HERE).unwrap().1;

    for seed in 0..10_000_usize {
        let (key, cookie) = (mutated(key.expose(), seed), mutated(&cookie, seed));

        assert_eq!(role(&access, &evidence(Some(&key), None, false)), Role::Nobody, "{key}");
        assert_eq!(role(&access, &evidence(None, Some(&cookie), false)), Role::Nobody, "{cookie}");
    }
}

fn token(access: &Access, minter: &Caller, rights: &[Right], limits: Limits) -> String {
    access.tokens().mint(minter, rights.to_vec(), limits, Duration::from_mins(5)).unwrap().text
}

#[test]
fn of_ten_thousand_changed_tokens_none_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let key = settings.keys(&state).add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    let alice = access.caller(&evidence(Some(key.expose()), None, false));
    let token = token(&access, &alice, &Right::ALL, Limits::default());
    assert_eq!(role(&access, &evidence(Some(&token), None, false)), Role::User);

    for seed in 0..10_000_usize {
        let changed = mutated(&token, seed);

        assert_eq!(role(&access, &evidence(Some(&changed), None, true)), Role::Nobody, "{changed}");
    }
}

#[test]
fn a_token_can_no_more_than_its_minter_can_at_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let keys = settings.keys(&state);
    let key = keys.add("alice", Role::User).unwrap();
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    let alice = access.caller(&evidence(Some(key.expose()), None, false));
    let token = token(&access, &alice, &Right::ALL, Limits::default());
    let rights = || access.caller(&evidence(Some(&token), None, false)).rights().list();
    assert_eq!(rights(), Right::ALL);

    let rows = fs::read_to_string(keys.path()).unwrap().replace("\"user\"", "\"viewer\"");
    fs::write(keys.path(), rows).unwrap();
    access.0.keys.reread();

    assert_eq!(rights(), [Right::View], "its minter watches from now on");
    let viewer = access.caller(&evidence(Some(key.expose()), None, false));
    let more = access.tokens().mint(&viewer, Right::ALL.to_vec(), Limits::default(), Duration::from_mins(5));
    assert!(matches!(more, Err(TokenError::Exceeds(Right::Publish))));
}

#[test]
fn a_token_of_this_machine_ends_with_the_trust_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, state) = (Settings::default(), state(&folder));
    let access = Access::load(&settings, &state, Reach::Network).unwrap();
    let text = token(&access, &Caller::local(HERE), &[Right::View], Limits::default());
    let of = |settings: &Settings| {
        let access = Access::load(settings, &state, Reach::Network).unwrap();
        role(&access, &evidence(Some(&text), None, false))
    };

    assert_eq!(of(&settings), Role::Viewer, "it outlives a restart");
    assert_eq!(of(&Settings { trust_loopback: false, ..settings }), Role::Nobody);
}

/// The text with one change: a bit flipped, cut, doubled, a letter added.
fn mutated(text: &str, seed: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = seed / 4 % bytes.len();
    match seed % 4 {
        0 => bytes[place] ^= 1 << (seed / 4 / bytes.len() % 7),
        1 => bytes.truncate(place),
        2 => bytes.insert(place, bytes[place]),
        _ => bytes.insert(place, b'!' + u8::try_from(seed / 4 / text.len() % 90).unwrap()),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
