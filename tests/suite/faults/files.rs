//! A file with a video's name that is none: it opens nothing, and somebody is told.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::json;

use crate::support::{LIMIT, client::Client, server::Server, stats::Stats};

/// Counts the connections to a port that nobody has a reason to reach.
fn canary() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/internal", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, SeqCst);
        }
    });
    (url, calls)
}

#[test]
fn a_playlist_with_a_films_name_opens_no_connection() {
    let (url, calls) = canary();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.ts");
    std::fs::write(&secret, "secret").unwrap();
    let folder = dir.path().join("films");
    std::fs::create_dir(&folder).unwrap();
    let port = url.rsplit(':').next().unwrap().trim_end_matches("/internal");
    let files = [
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n")),
        ("master.mp4", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n{url}\n")),
        ("local.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{}\n", secret.display())),
        (
            "dash.mp4",
            format!(
                "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT2S\" minBufferTime=\"PT1S\" \
                 profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><Period><AdaptationSet mimeType=\"video/mp4\">\
                 <Representation id=\"1\" bandwidth=\"100000\" codecs=\"avc1.42e01f\" width=\"320\" height=\"240\">\
                 <BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
            ),
        ),
        (
            "smooth.mp4",
            "<?xml version=\"1.0\"?>\n<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"0\" Duration=\"20000000\">\
             </SmoothStreamingMedia>\n"
                .to_owned(),
        ),
        (
            "sdp.mp4",
            format!(
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            ),
        ),
        ("list.mp4", format!("file://{}\n", secret.display())),
    ];
    for (name, text) in &files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let server = Server::spawn(&["--video-files", folder.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder().fps(30).connect(server.url()).unwrap();
    client.expect("frames and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

    for (count, (name, _)) in files.iter().enumerate() {
        let source = json!({"enabled": true, "source_type": "video_file", "source_name": name});
        client.send(&json!({"input_source": source}));

        let errors = |stats: &Stats| {
            let said = stats.messages_of("input_source").filter_map(|said| said["error"].as_str());
            said.map(str::to_owned).collect::<Vec<_>>()
        };
        client.expect(name, |stats| errors(stats).len() == count + 1, LIMIT);
        let sentence = client.read(errors).pop().unwrap();
        println!("{name}: {sentence}");
        assert!(!sentence.contains("plug-in"), "{name}: {sentence}");
    }

    let seen = client.read(|stats| stats.frames.len());
    client.expect("the camera again", |stats| stats.frames.len() >= seen + 10, LIMIT);
    assert_eq!(calls.load(SeqCst), 0, "something connected to {url}");
    assert!(server.refusals("file_kind") >= 3);
}
