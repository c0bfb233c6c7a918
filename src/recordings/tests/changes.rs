use super::*;

/// Bytes that this thread has written.
fn written() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    bytes.parse().unwrap()
}

#[test]
fn bytes_written_grow_with_the_changes_and_not_with_their_square() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    let mut folder = store.create(about()).unwrap();
    let id = folder.id().to_owned();
    let (text, count) = ("x".repeat(20_000), 400);
    let before = written();

    for frame in 0..count {
        folder.note(&parameters(frame, &text)).unwrap();
        folder.look().unwrap();
    }

    let (all, bytes) = (count * text.len() as u64, written() - before);
    println!("{bytes} bytes written for {all} bytes of changes");
    assert!(bytes < all + all / 10, "{bytes} bytes written for {all} bytes of changes");
    folder.finish(EndCode::Stopped, String::new());
    let whole = document(&store, &id);
    let timeline = whole["timeline"].as_array().unwrap();
    assert_eq!((timeline.len(), &whole["version"]), (400, &json!(1)));
    assert_eq!(
        timeline[399],
        json!({"at_s": 0.5, "frame": 399, "change": "parameters", "parameters": {"prompt": text}})
    );
    assert_eq!(
        (&whole["id"], &whole["end"]["code"], &whole["segments"]),
        (&json!(id), &json!("stopped"), &json!([]))
    );
}

#[test]
fn changes_beyond_a_limit_end_a_recording_and_those_before_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    let mut folder = store.create(about()).unwrap();
    let path = store.path(folder.id()).unwrap();
    folder.note(&parameters(0, "first")).unwrap();

    let long = folder.note(&parameters(1, &"x".repeat(110_000))).unwrap_err().to_string();
    let mut count = 1;
    let many = loop {
        match folder.note(&parameters(count, &"x".repeat(60_000))) {
            Ok(()) => count += 1,
            Err(error) => break error.to_string(),
        }
    };

    assert!(long.contains("at most 65536 bytes of parameters at once") && long.contains("got 110"), "{long}");
    assert!(many.contains("at most 16777216 bytes of changes"), "{many}");
    folder.finish(EndCode::Failed, many);
    assert!(fs::metadata(path.join(CHANGES)).unwrap().len() <= 16 << 20);
    assert_eq!(read_changes(&path).unwrap().len() as u64, count);
    let long = About {
        parameters: [("prompt".to_owned(), "x".repeat(70_000).into())].into_iter().collect(),
        ..about()
    };
    assert!(matches!(store.create(long), Err(Error::Change { .. })));
}

#[test]
fn half_a_line_of_a_killed_server_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), 0);
    let mut folder = store.create(about()).unwrap();
    let (id, path) = (folder.id().to_owned(), store.path(folder.id()).unwrap());
    for frame in 0..3 {
        folder.note(&parameters(frame, "x")).unwrap();
    }
    folder.look().unwrap();
    drop(folder);
    let whole = fs::read(path.join(CHANGES)).unwrap();

    for (left, changes) in [(whole.len(), 3), (whole.len() - 1, 2), (whole.len() - 30, 2), (5, 0), (0, 0)] {
        fs::write(path.join(CHANGES), &whole[..left]).unwrap();

        assert_eq!(read_changes(&path).unwrap().len(), changes, "{left} of {} bytes", whole.len());
        assert_eq!(document(&store, &id)["timeline"].as_array().unwrap().len(), changes, "{left}");
    }
    fs::write(path.join(CHANGES), [&whole, b"nonsense\n".as_slice(), &whole].concat()).unwrap();
    assert_eq!(read_changes(&path).unwrap().len(), 6);
    fs::write(path.join(CHANGES), [&whole, "x".repeat(100_000).as_bytes(), b"\n"].concat()).unwrap();
    assert_eq!(read_changes(&path).unwrap().len(), 3);
    store.tidy();
    assert_eq!(document(&store, &id)["end"]["code"], "cut");
    fs::remove_file(path.join(CHANGES)).unwrap();
    assert_eq!(document(&store, &id)["timeline"], json!([]));
}

/// Copies a recording that version 1 of the format describes, changes inside, as earlier versions of the server made it.
fn earlier(dir: &Path) -> PathBuf {
    let id = "20261130-230855-3185d9";
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings").join(id);
    let to = dir.join(id);
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(from).unwrap().map(|file| file.unwrap()) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    to
}

#[test]
fn a_recording_of_an_earlier_version_is_read_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = earlier(dir.path());
    let store = store(dir.path(), 0);
    let text = fs::read(path.join(SIDECAR)).unwrap();
    let sidecar: serde_json::Value = serde_json::from_slice(&text).unwrap();

    let listed = store.list().remove(0);

    assert_eq!((listed.state, listed.files.len()), (State::Finished, 2));
    assert!(listed.files.iter().all(|file| file.bytes > 0), "{listed:?}");
    assert_eq!(document(&store, &listed.id), sidecar);
    let changes = read_changes(&path).unwrap();
    assert_eq!(serde_json::to_value(&changes).unwrap(), sidecar["timeline"]);
    assert!(!changes.is_empty());
    assert!(store.open(&listed.id, &listed.files[0].name).is_ok());
}

#[test]
fn a_killed_recording_of_an_earlier_version_gets_its_end_and_keeps_its_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = earlier(dir.path());
    let mut sidecar: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join(SIDECAR)).unwrap()).unwrap();
    sidecar["end"] = serde_json::Value::Null;
    fs::write(path.join(SIDECAR), sidecar.to_string()).unwrap();
    let store = store(dir.path(), 0);

    store.tidy();

    let listed = store.list().remove(0);
    let mut closed = document(&store, &listed.id);
    assert_eq!(listed.state, State::Cut);
    assert_eq!(closed["end"].take()["code"], "cut");
    assert_eq!(closed, sidecar);
}
