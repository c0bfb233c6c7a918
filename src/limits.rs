//! Every limit on what one peer, client or file may take: a row each, with its value, its reason and its sentence.
//!
//! Pure but for the counts of refusals, which `scope_limit_refusals_total` shows. Written from any thread, never locked.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// One limit.
#[derive(Debug)]
pub struct Limit {
    /// Label of `scope_limit_refusals_total`.
    pub name: &'static str,
    /// The value, or the configuration key that sets it.
    pub value: &'static str,
    /// Why there is a limit, and why this value.
    pub reason: &'static str,
    /// What the refused side is told: what was expected, and the next step.
    pub sentence: &'static str,
    refusals: AtomicU64,
}

impl Limit {
    /// Counts a refusal.
    pub fn refused(&self) {
        self.refused_times(1);
    }

    /// Counts refusals.
    pub fn refused_times(&self, count: u64) {
        self.refusals.fetch_add(count, Relaxed);
    }

    /// How often it refused, since the start of the process.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Relaxed)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sentence)
    }
}

macro_rules! limits {
    ($($row:ident $name:literal $value:literal $reason:literal $sentence:literal;)*) => {
        $(#[doc = $reason] pub static $row: Limit = Limit {
            name: $name, value: $value, reason: $reason, sentence: $sentence, refusals: AtomicU64::new(0),
        };)*

        /// All rows.
        pub static ALL: &[&Limit] = &[$(&$row),*];
    };
}

limits! {
    FAIR_SHARE "fair_share" "a fifteenth of the worker's time beyond what the others leave" "the sessions of a Python pipeline share one worker, which a slow frame stops for all of them" "the session takes more than its share of the pipeline's worker: its frames are skipped; use smaller frames or lighter parameters";
    THREADS "threads" "40 a session and 64 more have to be free" "a process that gets no thread is aborted by its libraries, and with it all sessions" "too few threads may be started for another session; try again later, or raise the limit of processes (ulimit -u, TasksMax=, --pids-limit)";
    VIEWERS "viewers" "max_viewers" "each viewer of output.ts takes threads, and memory while it does not read" "as many viewers as there may be watch this session; try again when one has left";
    BUILDS "builds" "one a session, 250 ms between two, as many at once as there are cores" "a build takes a thread and a model's memory; a client can ask for thousands a second" "another pipeline was selected before this one was built";
    PRELOADS "preloads" "1" "a load by HTTP takes a thread and a model's memory, and the newest wins anyway" "another pipeline is loading; try again when GET /api/v1/pipeline/status says that it is done";
    PYTHON_WORKERS "python_workers" "max_python_workers" "each set of load-time parameters is a process with a model of its own" "all workers of this pipeline are in use; select load-time parameters that another session uses, or try again later";
    MESSAGE_RATE "message_rate" "200 messages and 1 MB a second, 512 messages and 2 MB waiting" "a slider sends some hundred messages a second at most; each is parsed and checked" "expected at most 200 messages and 1 MB a second, got more; send fewer, the newest of them counts";
    PENDING_UPDATES "pending_updates" "64 a session" "updates wait for a stage that loads, which may take two minutes" "superseded: newer updates arrived before this one was in force; what it set is in force with them, unless they set it again";
    HOST "host" "allowed_hosts" "a page whose name is pointed at this server's address would count as the server's own (DNS rebinding)" "expected a host name of this server; if it is one, add it to --allowed-hosts";
    ORIGIN "origin" "allow_origin" "a page of another site must not start, steer, record or end anything" "expected a request from this server's own page; to let another origin use the API, add it to --allow-origin";
    CONNECTIONS "connections" "max_connections, and at most a quarter of the file descriptors" "each takes a descriptor, which sessions need" "closed in favour of a newer connection, the longest idle first";
    CONNECTIONS_PER_ADDRESS "connections_per_address" "max_connections_per_address; none for loopback, where a reverse proxy brings everybody" "one client must not take the connections of all others; a browser opens six" "closed in favour of a newer connection of the same address, the longest idle first";
    FIRST_REQUEST "first_request" "10 s" "from the acceptance to a complete head of a request, a TLS handshake included; who connects sends it at once" "closed without an answer";
    IDLE_CONNECTION "idle_connection" "10 s of HTTP/1, 30 s of HTTP/2" "an idle connection costs a descriptor, another one some milliseconds" "closed";
    UNREAD_RESPONSE "unread_response" "120 s" "a client that leaves its answer unread holds a file and a connection; a player whose buffer is full asks again" "closed; ask for the rest with a range";
    REQUEST_RATE "request_rate" "max_request_rate; four times as many at once" "a page asks some times a second; each request takes a look-up and a line of the log" "too many requests; send fewer a second";
    SUBJECT_SESSIONS "subject_sessions" "max_sessions_per_subject" "one user must not take the places of all others" "as many sessions of this user run as may; end one";
    ADDRESS_SESSIONS "address_sessions" "max_sessions_per_address; none for loopback, where a reverse proxy brings everybody" "strangers have no name to count them by" "as many sessions of this address run as may; end one";
    CONNECTING "connecting" "max_connecting_per_address; none for loopback and operators" "an offer takes a place until its connection times out, and costs its sender nothing" "too many sessions of this address waited for their connection, and the oldest gave way; start again";
    WAITING_LINE "waiting_line" "waiting_line" "each who waits takes memory, and a connection to be told of its turn" "the server is full, and so is its waiting line; try again later";
    WAITING_SHARE "waiting_share" "one a key or token, half of the line a key with its tokens, 4 an address without a key" "one client must not take the line of all others" "as many clients of this key or address wait as may; try again later";
    MINUTES "minutes" "max_minutes_per_day" "a session costs processor time for as long as it lasts" "the time that this user has a day is used up; come back after midnight UTC, or ask the server's operator for more";
    SUBJECT_RECORDINGS "subject_recordings" "max_recording_bytes_per_subject" "one user must not take the disk of all others" "the recordings of this user take all that they may; delete some";
    BODIES "bodies" "128 received at once, 16 from one address but loopback" "bodies that trickle must not take the memory and the time of others" "the server is handling too many requests; try again";
    SLOW_BODY "slow_body" "10 s" "a browser on a slow link sends an offer in a second" "the request body was not received within 10 s";
    FILE_KIND "file_kind" "MP4, MOV, WebM, Matroska, MPEG-TS, AVI, IVF, Y4M, JPEG and PNG" "a playlist or a manifest makes its demuxer fetch URLs from inside the network" "expected a video file; convert it to MP4";
    FRAME_SIZE "frame_size" "max_frame, and 8192 a side; for 3 s of a peer" "a key frame of a kilobyte may announce a frame of a gigabyte, which a decoder allocates at once" "the video's frames are larger than the server's --max-frame allows; send smaller ones";
    CANDIDATES "candidates" "30 a session" "connectivity checks go to each address that a peer names, whatever is there" "expected at most 30 candidates of addresses that a peer may have; others are ignored";
    CHANNELS "channels" "4 a session" "webrtcbin runs two threads for each data channel, and a peer can open a thousand" "the browser opened more than 4 data channels; open one, with the label parameters";
    MESSAGE_BYTES "message_bytes" "65,535" "SCTP passes on a longer message in parts, and a part must not be taken for a message" "expected a message under 64 KiB; the channel is closed, open it again";
    SOURCES "sources" "32 a session" "each SSRC takes memory, and time with every later packet; a browser uses up to 8" "expected packets of at most 32 SSRCs, got more; those of further ones are dropped";
    RECORDINGS_QUOTA "recordings_quota" "recordings_quota" "recordings of strangers must not take the disk of everything else" "recordings take all of their quota; delete some, or raise --recordings-quota";
    RECORDINGS_RESERVE "recordings_reserve" "recordings_reserve" "a full disk stops more than recordings: logs, other services, the system" "the recordings disk is full; delete recordings, free some space, or lower --recordings-reserve";
    RECORDINGS_AT_ONCE "recordings_at_once" "max_recordings" "each takes a thread and its bitrate of the disk" "as many recordings run as may; end one, or raise --max-recordings";
    RECORDINGS_KEPT "recordings_kept" "10000" "each is a folder and is read when recordings are listed; starts and stops make them as fast as requests come" "as many recordings are kept as may be; delete some, or set --recordings-retention";
    RECORDING_FILES "recording_files" "500 a recording, one a second and stream" "each file is a graph and an inode; a peer that alternates two sets of codec parameters makes 57 a second" "the size or codec parameters of the video change too often; start another recording";
    RECORDING_CHANGES "recording_changes" "64 KiB a change, 16 MiB a recording" "a client can change long parameters with each frame" "the parameters are longer, or have changed more often, than a recording keeps; start another recording";
    TOKEN_SESSIONS "token_sessions" "sessions of the token" "who mints a token says how many sessions it may make" "the token has made all sessions that it may; ask for a new token";
    REVOKED_TOKENS "revoked_tokens" "1000 of one key" "each revoked token is remembered until it would have expired" "as many tokens of this key are revoked as may be; revoke the key, or wait until some have expired";
    PARAMETER_TEXT "parameter_text" "10000 characters, where the schema of a parameter sets no limit" "a text is kept, repeated in replies and recorded with each change" "expected at most 10000 characters; send a shorter text";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_name_of_its_own_and_a_sentence() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|limit| limit.name).collect();

        assert_eq!(names.len(), ALL.len());
        for limit in ALL {
            let label =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
            assert!(limit.name.chars().all(label), "{}", limit.name);
            for text in [limit.value, limit.reason, limit.sentence] {
                assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{text}");
            }
        }
    }

    #[test]
    fn refusals_are_counted() {
        static ONE: Limit =
            Limit { name: "one", value: "1", reason: "a test", sentence: "no", refusals: AtomicU64::new(0) };

        ONE.refused();
        ONE.refused_times(2);

        assert_eq!((ONE.refusals(), ONE.to_string()), (3, "no".to_owned()));
    }
}
