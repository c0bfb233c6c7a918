//! The steps of a load: the thread that builds a stage reports them to its listener.
//!
//! Bound to the thread that builds. A listener that is passed would have to go through [`Stage::set`](super::Stage::set),
//! where a worker that loads with parameters is started, and a stage that kept it would own the worker that owns it.

use std::{cell::RefCell, rc::Rc};

/// Receives each step.
type Listener = Rc<dyn Fn(&str)>;

thread_local! {
    /// The listener of this thread's load.
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Builds something while `listener` receives each step. A panic passes through.
pub fn listen<T>(listener: impl Fn(&str) + 'static, build: impl FnOnce() -> T) -> T {
    let _until_the_end = Listening(LISTENER.replace(Some(Rc::new(listener))));
    build()
}

/// Reports the load's next step in a few words.
pub fn report(step: &str) {
    // A copy: the listener may be slow, and may load something itself.
    let listener = LISTENER.with_borrow(Clone::clone);
    if let Some(listener) = listener {
        listener(step);
    }
}

/// Restores the thread's previous listener.
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
        let steps = heard_steps.clone();
        let listener = move |step: &str| steps.borrow_mut().push(step.to_owned());

        report("before");
        let inner = || listen(|_| {}, || report("another's"));
        let built = listen(listener, || {
            report("one");
            inner();
            report("two");
            7
        });
        report("after");

        assert_eq!(
            (built, heard_steps.borrow().as_slice()),
            (7, ["one".to_owned(), "two".to_owned()].as_slice())
        );
    }
}
