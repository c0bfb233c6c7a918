use std::{
    io,
    os::unix::fs::{PermissionsExt, symlink},
};

use serde_json::json;

use super::*;

mod changes;

fn settings(folder: &Path, quota_bytes: u64) -> Settings {
    Settings {
        folder: folder.to_owned(),
        quota_bytes: Some(quota_bytes),
        reserve_bytes: Some(0),
        ..Settings::default()
    }
}

fn store(folder: &Path, quota_bytes: u64) -> Store {
    Store::new(settings(folder, quota_bytes))
}

fn about() -> About {
    About { session: "s".into(), pipeline_id: "echo".into(), ..About::default() }
}

fn segment(file: &str) -> Segment {
    Segment {
        file: file.to_owned().try_into().unwrap(),
        kind: Kind::Output,
        codec: "vp8".into(),
        width: 64,
        height: 48,
        sound: false,
        at_s: 0.1,
        frame: None,
        session: "s".into(),
    }
}

fn parameters(frame: u64, text: &str) -> Change {
    let parameters = [("prompt".to_owned(), text.into())].into_iter().collect();
    Change { at_s: 0.5, frame: Some(frame), what: What::Parameters { parameters } }
}

/// `recording.json` as the API gives it.
fn document(store: &Store, id: &str) -> serde_json::Value {
    let text = match store.document(id).unwrap() {
        Document::File(file) => io::read_to_string(file).unwrap().into_bytes(),
        Document::Parts(parts) => parts.flatten().collect(),
    };
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_recording_is_listed_from_its_start_and_has_its_end_in_its_sidecar() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("recordings"), 0);
    assert_eq!(store.list(), []);

    let mut folder = store.create(about()).unwrap();
    let (path, name) = folder.create_file(Kind::Output, "webm").unwrap();
    fs::write(&path, "12345").unwrap();
    folder.add(segment(name.as_str())).unwrap();
    folder.number(&name, 7);
    folder.look().unwrap();
    let running = store.list();
    let id = folder.id().to_owned();
    assert!(matches!(store.delete(&id), Err(Error::Running(_))));
    let end = folder.finish(EndCode::Stopped, "on request".into());

    assert_eq!((running[0].state, running[0].files[0].bytes), (State::Recording, 5));
    let read = store.get(&id).unwrap();
    assert_eq!((read.state, read.sentence.as_deref()), (State::Finished, Some("on request")));
    assert!(end.bytes > 5 && read.bytes >= end.bytes);
    assert_eq!(store.newest_of("s").unwrap().id, id);
    assert_eq!(Sidecar::read(&store.path(&id).unwrap()).unwrap().segments[0].frame, Some(7));
    assert_eq!(store.file(&id, "output-000.webm").unwrap(), path);
    store.delete(&id).unwrap();
    assert!(matches!(store.get(&id), Err(Error::NotFound(_))));
    assert!(store.list().is_empty() && !path.exists());
}

#[test]
fn no_text_of_a_client_leads_out_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    let folder = store.create(about()).unwrap();
    let id = folder.id().to_owned();
    fs::write(dir.path().join("secret"), "").unwrap();

    for (id, name) in [("..", "secret"), (&id, "../secret"), (&id, "secret"), ("", "secret"), (".", "secret")]
    {
        assert!(matches!(store.file(id, name), Err(Error::NotFound(_))), "{id} {name}");
    }
    assert!(store.document(&id).is_ok() && store.open(&id, SIDECAR).is_err());
    assert!(is_name(&id) && !is_name("3f2a8a3e-9f6d-4b1e-8d57-0123456789ab") && !is_name(&id[1..]));
}

#[test]
fn what_a_foreign_recording_names_beyond_its_own_files_is_neither_listed_nor_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    let sidecar = |id: &str, file: &str| {
        let folder = dir.path().join(id);
        fs::create_dir(&folder).unwrap();
        let segment = json!({"file": file, "kind": "output", "codec": "h264", "width": 64, "height": 48,
            "sound": false, "at_s": 0.0, "frame": null, "session": "s"});
        let sidecar = json!({"version": 1, "id": "20260101-000000-ffffff", "started": "2026-01-01T00:00:00Z",
            "session": "s", "pipeline_id": "echo", "parameters": {}, "input": false, "segments": [segment],
            "timeline": [], "end": null});
        fs::write(folder.join(SIDECAR), sidecar.to_string()).unwrap();
        folder
    };
    let foreign = "20260101-000000-abcdef";
    for outside in ["../secret.txt", "../../etc/passwd", "/etc/passwd", "secret.txt"] {
        let folder = sidecar(foreign, outside);

        assert_eq!(store.list(), [], "{outside}");
        assert!(matches!(store.get(foreign), Err(Error::NotFound(_))), "{outside}");
        assert!(matches!(store.open(foreign, outside), Err(Error::NotFound(_))), "{outside}");
        assert!(matches!(store.document(foreign), Err(Error::NotFound(_))), "{outside}");
        store.tidy();
        fs::remove_dir_all(folder).unwrap();
    }
    let folder = sidecar(foreign, "output-000.mp4");
    symlink("../secret.txt", folder.join("output-000.mp4")).unwrap();

    assert!(matches!(store.open(foreign, "output-000.mp4"), Err(Error::NotFound(_))), "a link");
    assert!(path_of(&folder, &FileName::new(Kind::Output, 0, "mp4")).is_err());
    assert_eq!(store.list()[0].id, foreign, "the folder's name, not what the sidecar says");
    assert_eq!(store.newest_of("s").unwrap().id, foreign);
    fs::remove_file(folder.join("output-000.mp4")).unwrap();
    fs::write(folder.join("output-000.mp4"), "own").unwrap();
    assert_eq!(io::read_to_string(store.open(foreign, "output-000.mp4").unwrap()).unwrap(), "own");
}

#[test]
fn folders_and_files_are_the_servers_own_users_under_any_umask() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("recordings");
    rustix::process::umask(rustix::fs::Mode::empty());

    let mut folder = store(&root, 0).create(about()).unwrap();
    let (file, _) = folder.create_file(Kind::Output, "mp4").unwrap();
    folder.note(&parameters(1, "x")).unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let own = root.join(folder.id());
    assert_eq!((mode(&root), mode(&own)), (0o700, 0o700));
    assert_eq!((mode(&file), mode(&own.join(SIDECAR)), mode(&own.join(CHANGES))), (0o600, 0o600, 0o600));
}

#[test]
fn a_quota_that_is_reached_refuses_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 4000);
    let mut folder = store.create(about()).unwrap();
    let (path, _) = folder.create_file(Kind::Output, "mp4").unwrap();
    fs::write(path, vec![0; 5000]).unwrap();

    assert!(matches!(folder.look(), Err(Error::Quota { quota: 4000, .. })));
    let sentence = store.create(about()).err().unwrap().to_string();
    assert!(sentence.contains("of 4000 bytes") && sentence.contains("delete some"), "{sentence}");
    let id = folder.id().to_owned();
    folder.finish(EndCode::Failed, sentence);
    store.delete(&id).unwrap();
    assert!(store.create(about()).is_ok());
}

#[test]
fn a_reserve_that_is_reached_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let wanting = Settings { reserve_bytes: Some(u64::MAX), ..settings(dir.path(), 0) };

    let sentence = Store::new(wanting).create(about()).err().unwrap().to_string();

    assert!(sentence.contains("expected at least 18446744073709551615 bytes free"), "{sentence}");
    assert!(sentence.contains("--recordings-reserve"), "{sentence}");
}

#[test]
fn no_more_are_kept_than_can_be_listed() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..10_000 {
        fs::create_dir(dir.path().join(format!("20260101-000000-{number:06x}"))).unwrap();
    }

    let sentence = store(dir.path(), 0).create(about()).err().unwrap().to_string();

    assert!(sentence.contains("at most 10000") && sentence.contains("--recordings-retention"), "{sentence}");
    fs::remove_dir(dir.path().join("20260101-000000-000000")).unwrap();
    assert!(store(dir.path(), 0).create(about()).is_ok());
}

#[test]
fn no_more_run_at_once_than_may() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(Settings { at_once: 2, ..settings(dir.path(), 0) });
    let first = store.create(about()).unwrap();
    let _second = store.create(about()).unwrap();

    for _ in 0..3 {
        assert!(matches!(store.create(about()), Err(Error::AtOnce { limit: 2 })));
    }
    first.finish(EndCode::Stopped, String::new());
    assert!(store.create(about()).is_ok());
}

#[test]
fn a_recording_of_too_many_files_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = store(dir.path(), 0).create(about()).unwrap();
    for number in 0..500 {
        let kind = if number % 2 == 0 { Kind::Output } else { Kind::Input };
        let (_, name) = folder.create_file(kind, "mp4").unwrap();
        folder.add(Segment { kind, ..segment(name.as_str()) }).unwrap();
    }

    let sentence = folder.create_file(Kind::Output, "mp4").unwrap_err().to_string();

    assert!(sentence.contains("at most 500 files"), "{sentence}");
    let id = folder.id().to_owned();
    folder.finish(EndCode::Failed, sentence);
    assert_eq!(store(dir.path(), 0).get(&id).unwrap().files.len(), 500);
}

#[test]
fn a_folder_that_cannot_be_made_or_is_gone_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for place in ["file", "none/below", "file/below"] {
        let sentence = store(&dir.path().join(place), 0).create(about()).err().unwrap().to_string();
        assert!(sentence.contains("cannot use") && sentence.contains(place), "{sentence}");
    }
    let store = store(&dir.path().join("recordings"), 0);
    let mut folder = store.create(about()).unwrap();

    fs::remove_dir_all(dir.path().join("recordings")).unwrap();

    assert!(folder.look().err().unwrap().to_string().contains("it is gone"));
    assert_eq!(folder.finish(EndCode::Failed, String::new()).bytes, 0);
}

#[test]
fn what_a_killed_server_left_gets_an_end_and_what_lives_keeps_going() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    let alive = store.create(about()).unwrap();
    let mut killed = store.create(about()).unwrap();
    let id = killed.id().to_owned();
    killed.add(segment("output-000.webm")).unwrap();
    fs::write(dir.path().join(&id).join("output-000.webm"), "x").unwrap();
    drop(killed);

    store.tidy();

    let cut = store.get(&id).unwrap();
    assert_eq!(cut.state, State::Cut);
    assert!(cut.sentence.unwrap().contains("the server ended"));
    assert_eq!(store.get(alive.id()).unwrap().state, State::Recording);
}

#[test]
fn what_is_older_than_the_retention_goes() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Duration::from_hours(1);
    let store = Store::new(Settings { retention, ..settings(dir.path(), 0) });
    let alive = store.create(about()).unwrap();
    let old = store.create(about()).unwrap();
    old.finish(EndCode::Stopped, String::new());

    store.sweep(SystemTime::now());
    assert_eq!(store.list().len(), 2);
    store.sweep(SystemTime::now() + retention * 2);

    let left = store.list();
    assert_eq!(left.iter().map(|recording| recording.id.as_str()).collect::<Vec<_>>(), [alive.id()]);
}
