//! What keeps a worker from coming up, before and at its start.

use super::*;

#[test]
fn a_worker_that_does_not_come_up_is_told_of_and_the_next_comes() {
    let install = format!("install it with `{} -m pip install no_such_module`", python().display());
    for (fault, cause) in [
        ("import", Cause::NotInstalled { missing: Missing::Module, name: "no_such_module".into(), install }),
        ("fatal", Cause::Refused { message: "RuntimeError: no GPU".into() }),
        ("silent", Cause::TimedOut { during: Activity::Loading, seconds: 10.0 }),
    ] {
        let limit = if fault == "silent" { "load_limit_s = 10.0" } else { "" };
        let bench = Bench::new(&format!("keep_s = 0\n{limit}\nenv = {{ FAULT = \"{fault}\" }}"), "");

        assert_eq!(crash(bench.stage()).cause, cause);

        output_frame(bench.stage().unwrap().process(&frame(0, 64, 48)));
        eventually("both processes are reaped", || bench.count() == [2, 2]);
    }
}

#[test]
fn a_variable_of_the_server_reaches_a_worker_by_name_alone() {
    let own = std::env::var(HIDDEN).unwrap();
    let script = format!("import os, sys\nsys.exit('it has ' + os.environ.get('{HIDDEN}', 'nothing'))\n");
    for (table, has) in [(String::new(), "nothing"), (format!("inherit = [\"{HIDDEN}\"]"), own.as_str())] {
        let bench = Bench::new(&table, "");
        std::fs::write(bench.folder.path().join("pipeline.py"), &script).unwrap();

        let Cause::Exited { last_line, .. } = crash(bench.stage()).cause else {
            panic!("expected an exit: {table}")
        };

        assert_eq!(last_line, Some(format!("it has {has}")), "{table}");
    }
}

#[test]
fn a_builder_receives_the_steps_of_a_workers_load() {
    let bench = Bench::new("env = { LOAD_S = \"0.5\" }", "");
    let steps = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let heard = steps.clone();

    crate::stage::progress::listen(
        move |step| heard.borrow_mut().push(step.to_owned()),
        || bench.stage().unwrap(),
    );

    assert_eq!(steps.borrow().last().map(String::as_str), Some("weights"), "{steps:?}");
}

#[test]
fn the_fifth_crash_is_the_last() {
    let bench = Bench::new("env = { FAULT_ALWAYS = \"import\" }", "");

    let crashes: Vec<_> = (0..6).map(|_| crash(bench.stage())).collect();

    assert_eq!(bench.count()[0], 5, "nobody starts a sixth");
    assert!(crashes.iter().all(|crash| crash.cause == crashes[0].cause), "{crashes:?}");
    assert!(crashes[..4].iter().all(|crash| matches!(crash.restart, Some(Restart::At(_)))), "{crashes:?}");
    for crash in &crashes[4..] {
        assert_eq!(crash.restart, Some(Restart::GivenUp));
        assert!(crash.to_string().ends_with("gave up after 5 crashes"), "{crash}");
    }
}

#[test]
fn a_python_that_is_not_there_is_named() {
    let bench = Bench::new("interpreter = \"python-of-nobody\"", "");

    let Cause::NotInstalled { missing: Missing::Program, name, .. } = crash(bench.stage()).cause else {
        panic!("expected a program that is not installed")
    };

    assert_eq!(name, "python-of-nobody");
}

#[test]
fn what_can_be_checked_without_running_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pipeline.py"), WORKER).unwrap();
    for (own, words) in [
        ("entry = \"other.py\"", "other.py"),
        ("entry = \"../pipeline.py\"", "in the folder"),
        ("entry = \"/etc/passwd\"", "in the folder"),
        ("interpreter = \"bin/python\"", "bin/python"),
        ("memory_limit_mb = 1", "memory_limit_mb"),
        ("max_batch = 65", "max_batch"),
        ("env = { SCOPE_SOCKET = \"3\" }", "SCOPE_SOCKET"),
        ("colour = 1", "colour"),
    ] {
        let fault = prepared(folder.path(), own, "", &Arc::default()).err().unwrap().to_string();

        assert!(fault.contains(words), "{own}: {fault}");
    }
}

#[test]
fn values_that_fit_no_packet_are_refused_and_the_stage_goes_on() {
    let bench = Bench::new("", "");
    let mut stage = bench.stage().unwrap();

    let refused = stage.set(&parameters(1, json!({"prompt": "x".repeat(200_000)})));

    assert!(matches!(refused, Err(Error::Process(why)) if why.contains("shorter")));
    output_frame(stage.process(&frame(0, 64, 48)));
}
