//! What a load is doing, said by whatever builds the stage, heard by whoever asked for it: on the thread that builds.

use std::{cell::RefCell, rc::Rc};

/// Told each step.
type Listener = Rc<dyn Fn(&str)>;

thread_local! {
    /// Whoever listens to this thread's load.
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Builds something while `listener` is told each step; a panic passes through.
pub fn heard<T>(listener: impl Fn(&str) + 'static, build: impl FnOnce() -> T) -> T {
    let _until_the_end = Listening(LISTENER.replace(Some(Rc::new(listener))));
    build()
}

/// The load's next step, in a few words; nobody may be listening.
pub fn say(step: &str) {
    // A copy: the listener may take its time, and may load something itself.
    let listener = LISTENER.with_borrow(Clone::clone);
    if let Some(listener) = listener {
        listener(step);
    }
}

/// Gives the thread back to who listened before.
struct Listening(Option<Listener>);

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_heard_while_something_is_built_and_no_longer() {
        let heard_steps = Rc::new(RefCell::new(Vec::new()));
        let listener = heard_steps.clone();
        let listen = move |step: &str| listener.borrow_mut().push(step.to_owned());

        say("before");
        let inner = || heard(|_| {}, || say("another's"));
        let built = heard(listen, || {
            say("one");
            inner();
            say("two");
            7
        });
        say("after");

        assert_eq!(
            (built, heard_steps.borrow().as_slice()),
            (7, ["one".to_owned(), "two".to_owned()].as_slice())
        );
    }
}
