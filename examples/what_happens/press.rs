//! Waiting for Enter.

use std::error::Error;

use netprobe::keypress::Pressed;

#[cfg(target_os = "linux")]
pub(crate) fn wait(url: &str) -> Result<Pressed, Box<dyn Error>> {
    use std::io::{self, IsTerminal, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use netprobe::keypress;
    use netprobe::render::escape_terminal;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::flag;

    let options = keypress::WaitOptions::default();
    // A signal from elsewhere ends the wait, so that the terminal is restored; once it has ended, signals do what they always do.
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&is_over))?;
        flag::register(signal, Arc::clone(&options.cancel))?;
    }
    if io::stdin().is_terminal() {
        write!(io::stderr(), "press Enter to visit {} ", escape_terminal(url))?;
    }
    let pressed = keypress::wait(io::stdin(), &options);
    is_over.store(true, Ordering::Relaxed);
    if io::stdin().is_terminal() {
        writeln!(io::stderr())?;
    }
    Ok(pressed?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn wait(_url: &str) -> Result<Pressed, Box<dyn Error>> {
    Err("what a machine does for a key can be seen on Linux only".into())
}
