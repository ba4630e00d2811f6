//! Waiting for Enter, with the machine's counters read all the while.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::carrier::{Line, carriers, verdict};
use super::devices::Devices;
use super::sample::{Sample, Samples};
use super::terminal::{Key, RawTerminal};
use super::{Change, KeyPress, KeyPressError, Pressed};
use crate::Span;

/// An event older than this belongs to an earlier key.
const EVENT_AGE_MAX: Duration = Duration::from_secs(1);

/// How a key is waited for.
#[derive(Debug, Clone)]
pub struct WaitOptions {
    /// How long to wait; for ever, if there is no limit.
    pub timeout_ms: Option<u64>,
    /// Ends the wait once it is true: at the next reading of the counters, or at once if a signal's handler sets it.
    pub cancel: Arc<AtomicBool>,
    /// How often the machine's counters are read while nothing happens. It takes a fraction of a millisecond, and up to a few on
    /// machines with hundreds of CPUs. Zero counts as one.
    pub sample_interval_ms: u64,
    /// Whether the user came by ssh, so that no key of this machine was pressed.
    pub by_ssh: bool,
    /// Where the kernel shows its counters.
    pub proc: PathBuf,
    /// Where the kernel shows its devices.
    pub sys: PathBuf,
    /// Where the input devices are.
    pub input: PathBuf,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self {
            timeout_ms: None,
            cancel: Arc::default(),
            sample_interval_ms: 100,
            by_ssh: std::env::var_os("SSH_CONNECTION").is_some(),
            proc: "/proc".into(),
            sys: "/sys".into(),
            input: "/dev/input".into(),
        }
    }
}

/// Puts the terminal into raw mode, waits for Enter, and restores its mode, whatever happens. Blocks the thread: nothing lies between
/// the kernel and this. Other keys are passed over; Ctrl-C, Ctrl-\ and Ctrl-D end the wait with an error, since a raw terminal sends
/// no signals. Signals from elsewhere end the process with the terminal as it is, unless they have a handler that sets
/// [`WaitOptions::cancel`].
///
/// # Errors
/// [`KeyPressError`] if `terminal` is none, hangs up, or Enter does not come.
pub fn wait(terminal: impl AsFd, options: &WaitOptions) -> Result<Pressed, KeyPressError> {
    let terminal = RawTerminal::enter(terminal)?;
    let pressed = wait_raw(&terminal, options);
    let restored = terminal.restore();
    let pressed = pressed?;
    restored.map(|()| pressed)
}

fn wait_raw(terminal: &RawTerminal, options: &WaitOptions) -> Result<Pressed, KeyPressError> {
    let mut devices = Devices::open(&options.input, &options.sys);
    if let Ok(devices) = &mut devices {
        devices.skip();
    }
    let interval = Duration::from_millis(options.sample_interval_ms.max(1));
    let limit = options.timeout_ms.map(Duration::from_millis);
    let started = Instant::now();
    let mut samples = Samples::new(interval);
    loop {
        let sample = Sample::take(&options.proc);
        let next = sample.at.checked_add(interval);
        samples.push(sample);
        // Other keys do not move the next reading of the counters.
        loop {
            if options.cancel.load(Ordering::Relaxed) {
                return Err(KeyPressError::Cancelled);
            }
            let elapsed = started.elapsed();
            if limit.is_some_and(|limit| elapsed >= limit) {
                return Err(KeyPressError::Timeout { limit_ms: options.timeout_ms.unwrap_or_default() });
            }
            let until_next = next.map_or(interval, |next| next.saturating_duration_since(Instant::now()));
            let until_limit = limit.map_or(Duration::MAX, |limit| limit.saturating_sub(elapsed));
            match terminal.key(until_next.min(until_limit))? {
                Some(Key::Enter) => return Ok(report(terminal, options, &samples, devices, Read::now())),
                Some(Key::Interrupt(key)) => return Err(KeyPressError::Interrupted { key: key.to_owned() }),
                Some(Key::End) => return Err(KeyPressError::Ended),
                None if next.is_some_and(|next| next <= Instant::now()) => break,
                None => {}
            }
        }
    }
}

/// The moment in which the character had been read, by two clocks: the kernel dates its events by the second.
#[derive(Debug, Clone, Copy)]
struct Read {
    at: Instant,
    since_1970: Duration,
}

impl Read {
    fn now() -> Self {
        let (at, since_1970) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH));
        Self { at, since_1970: since_1970.unwrap_or_default() }
    }
}

fn report(
    terminal: &RawTerminal,
    options: &WaitOptions,
    samples: &Samples,
    devices: Result<Devices, String>,
    read: Read,
) -> Pressed {
    let line = Line::of(terminal.name.as_deref(), options.by_ssh);
    let event = event(devices, line, read);
    let age = event.as_ref().map_or(Duration::ZERO, |(_, age)| *age);
    let counting = Instant::now();
    let after = Sample::take(&options.proc);
    let window = samples.window(read.at, &after);
    let mut interrupts = window.changes(|sample| &sample.interrupts);
    interrupts.iter_mut().for_each(|change| change.driver = virtio_driver(change, &options.sys));
    let carriers = carriers(line, &interrupts);
    let unreadable = [&after.interrupts, &after.softirqs].into_iter().filter_map(|table| table.as_ref().err());
    // The run's clock starts at the event, `age` before the character was read.
    let at = read.at.checked_sub(age).unwrap_or(read.at);
    let end_ns = nanoseconds(after.at.saturating_duration_since(at));
    let counting_ns = nanoseconds(after.at.saturating_duration_since(counting));
    let (event_to_read_ns, device, no_device) = match event {
        Ok((device, age)) => (Some(nanoseconds(age)), Some(device), None),
        Err(why) => (None, None, Some(why)),
    };
    let key_press = KeyPress {
        terminal: terminal.name.clone(),
        device,
        no_device,
        event_to_read_ns,
        to_first_query_ns: None,
        counted_ns: nanoseconds(window.counted()),
        idle_ns: window.idle().map(nanoseconds),
        verdict: verdict(line, &carriers, after.interrupts.is_ok()),
        interrupts,
        softirqs: window.changes(|sample| &sample.softirqs),
        context_switches: window.context_switches(),
        unreadable: unreadable.cloned().collect(),
        carriers,
        span: Span::new(0, end_ns, end_ns.saturating_sub(nanoseconds(age))),
        counting: Span::new(end_ns.saturating_sub(counting_ns), counting_ns, counting_ns),
    };
    Pressed { at, key_press }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The device whose event came before the character, and how long before.
fn event(devices: Result<Devices, String>, line: Line, read: Read) -> Result<(String, Duration), String> {
    let mut devices = devices?;
    if line == Line::Ssh {
        return Err("the key was pressed on another machine".to_owned());
    }
    let (device, time) = devices.newest_enter().ok_or("no input device saw Enter go down")?;
    let age = read.since_1970.checked_sub(time).filter(|age| *age <= EVENT_AGE_MAX);
    age.map(|age| (device, age))
        .ok_or_else(|| "the machine's clock was set between the event and its reading".to_owned())
}

/// The driver of a device on the virtio bus: its interrupts are named `virtio3-input` or the like, whatever it is.
fn virtio_driver(change: &Change, sys: &Path) -> Option<String> {
    let device = change.handler.split('-').next().filter(|device| is_virtio(device))?;
    let driver = std::fs::read_link(sys.join("bus/virtio/devices").join(device).join("driver")).ok()?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

fn is_virtio(device: &str) -> bool {
    let number = device.strip_prefix("virtio");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
