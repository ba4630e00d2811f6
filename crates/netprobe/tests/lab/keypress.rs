//! Enter in a pseudo-terminal: what is reported of it, and what becomes of the terminal.
#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netprobe::keypress::{Counters, KeyPressError, Kind, Line, Pressed, WaitOptions, wait};
use netprobe::render::Waterfall;
use netprobe::{Lab, Phase, Report};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

const GUEST: &str = include_str!("keypress/virtio-guest.txt");
const LAPTOP: &str = include_str!("keypress/laptop-i8042.txt");
const DESKTOP: &str = include_str!("keypress/desktop-xhci.txt");
const BOARD: &str = include_str!("keypress/board-arm64-gic.txt");

/// Both ends of a pseudo-terminal: who plays the user, and what is waited on.
fn terminal() -> (fs::File, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&user).expect("granted");
    unlockpt(&user).expect("unlocked");
    let name = ptsname(&user, Vec::new()).expect("a name");
    let terminal = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its end");
    (user.into(), terminal)
}

fn is_raw(terminal: &OwnedFd) -> bool {
    !tcgetattr(terminal)
        .expect("a mode")
        .local_modes
        .intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
}

/// Waits on one end while `user` acts at the other, once the terminal is raw.
fn wait_while(
    options: &WaitOptions,
    user: impl FnOnce(fs::File, &OwnedFd) -> Option<fs::File> + Send,
) -> Result<Pressed, KeyPressError> {
    let (mut ours, terminal) = terminal();
    ours.write_all(b"\r").expect("a key that was pressed too early");
    rustix::event::poll(&mut [PollFd::new(&terminal, PollFlags::IN)], None).expect("the key is there");
    let before = format!("{:?}", tcgetattr(&terminal).expect("a mode"));
    let (result, user) = thread::scope(|scope| {
        let acting = scope.spawn(|| {
            while !is_raw(&terminal) {
                thread::yield_now();
            }
            user(ours, &terminal)
        });
        (wait(&terminal, options), acting.join().expect("no panic"))
    });
    if user.is_some() {
        assert_eq!(format!("{:?}", tcgetattr(&terminal).expect("a mode")), before, "the mode is what it was");
    }
    result
}

fn typing(keys: &'static [u8]) -> impl FnOnce(fs::File, &OwnedFd) -> Option<fs::File> + Send {
    move |mut user, _| {
        user.write_all(keys).expect("typed");
        Some(user)
    }
}

#[test]
fn enter_ends_the_wait_and_other_keys_do_not() {
    for keys in [&b"\r"[..], b"abc \x1b[A\x1a\x7f\r", b"\xff\xfe\n"] {
        let pressed = wait_while(&WaitOptions::default(), typing(keys)).expect("a key press");
        let press = &pressed.key_press;
        assert!(press.terminal.as_deref().is_some_and(|name| name.starts_with("/dev/pts/")), "{press:?}");
        assert!(press.counted_ns > 0 && press.span.duration_ns >= press.counting.duration_ns, "{press:?}");
        assert!(press.context_switches.machine.is_some(), "{press:?}");
    }
}

#[test]
fn what_ends_the_wait_otherwise_is_said_and_the_mode_restored() {
    let options = WaitOptions::default();
    let typed = |keys| wait_while(&options, typing(keys));
    assert_eq!(typed(b"x\x03"), Err(KeyPressError::Interrupted { key: "Ctrl-C".to_owned() }));
    assert_eq!(typed(b"\x1c"), Err(KeyPressError::Interrupted { key: "Ctrl-\\".to_owned() }));
    assert_eq!(typed(b"\x04"), Err(KeyPressError::Ended));
    let hung_up = wait_while(&options, |user, _| {
        drop(user);
        None
    });
    assert_eq!(hung_up, Err(KeyPressError::HungUp));
    let limited = WaitOptions { timeout_ms: Some(30), ..WaitOptions::default() };
    assert_eq!(wait_while(&limited, typing(b"no")), Err(KeyPressError::Timeout { limit_ms: 30 }));
    let cancelled = WaitOptions::default();
    let cancel = cancelled.cancel.clone();
    let result = wait_while(&cancelled, move |user, _| {
        cancel.store(true, Ordering::Relaxed);
        Some(user)
    });
    assert_eq!(result, Err(KeyPressError::Cancelled));
}

#[test]
fn what_is_no_terminal_is_refused() {
    let file = tempfile::tempfile().expect("a file");
    assert_eq!(wait(&file, &WaitOptions::default()), Err(KeyPressError::NoTerminal));
}

/// Folders in the place of the kernel's, with one table of interrupts.
fn machine(folder: &Path, interrupts: &str) -> WaitOptions {
    fs::write(folder.join("interrupts"), interrupts).expect("a table");
    fs::write(folder.join("softirqs"), "CPU0 CPU1\nHI: 0 0\nNET_RX: 4 5\nSCHED: 7 7\n").expect("a table");
    fs::write(folder.join("stat"), "cpu 1 2 3\nctxt 5000\n").expect("a count");
    let driver = |device: &str, driver: &str| {
        let device = folder.join("bus/virtio/devices").join(device);
        fs::create_dir_all(&device).expect("a device");
        std::os::unix::fs::symlink(format!("../../drivers/{driver}"), device.join("driver")).expect("a link");
    };
    driver("virtio2", "virtio_net");
    driver("virtio4", "virtio_input");
    WaitOptions {
        sample_interval_ms: 5,
        by_ssh: false,
        proc: folder.into(),
        sys: folder.into(),
        input: folder.join("input"),
        ..WaitOptions::default()
    }
}

/// Enter on a machine whose table changes in one place just before.
fn enter(by_ssh: bool, before: &str, from: &str, to: &str) -> Pressed {
    assert_eq!(before.matches(from).count(), 1, "{from:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let options = WaitOptions { by_ssh, ..machine(folder.path(), before) };
    let after = before.replace(from, to);
    wait_while(&options, |mut user, _| {
        // Long enough for a time before to compare with.
        thread::sleep(Duration::from_millis(200));
        let new = folder.path().join("new");
        fs::write(&new, after).expect("a table");
        fs::rename(new, folder.path().join("interrupts")).expect("a table");
        user.write_all(b"\r").expect("typed");
        Some(user)
    })
    .expect("a key press")
}

#[test]
fn the_interrupt_that_fits_best_is_named() {
    for (by_ssh, table, from, to, kind, says) in [
        (
            false,
            LAPTOP,
            "48213",
            "48215",
            Kind::Keyboard,
            "the keyboard's controller: interrupt 1 (i8042) came 2 times",
        ),
        (
            false,
            DESKTOP,
            "90220145",
            "90220147",
            Kind::Usb,
            "the USB controller, which keyboards, mice and disks share",
        ),
        (
            true,
            DESKTOP,
            "120331  PCI",
            "120332  PCI",
            Kind::Network,
            "the network card: interrupt 52 (enp5s0-TxRx-0) came once",
        ),
        (false, GUEST, " 457 ", " 459 ", Kind::VirtioInput, "the hypervisor's keyboard: interrupt 34 (virtio4-input)"),
        (
            true,
            GUEST,
            "169890",
            "169892",
            Kind::Network,
            "no keyboard's interrupt was seen; what fits best is the network card",
        ),
        (false, BOARD, "    12 ", "    13 ", Kind::Serial, "the serial line: interrupt 17 (uart-pl011) came once"),
        (false, BOARD, "     3 ", "     5 ", Kind::Keyboard, "interrupt 55 (gpio-keys) came 2 times"),
        (false, BOARD, "120331 ", "120332 ", Kind::Processor, "one processor that woke another: interrupt IPI0"),
    ] {
        let press = enter(by_ssh, table, from, to).key_press;
        let first = press.carriers.first().unwrap_or_else(|| panic!("{says}: {press:#?}"));
        assert_eq!((first.kind, press.interrupts.len()), (kind, 1), "{press:#?}");
        assert!(press.verdict.contains(says), "{says}: {}", press.verdict);
        assert!(press.verdict.ends_with("this is no proof"), "{}", press.verdict);
        assert!(press.idle_ns.is_some_and(|idle| idle >= press.counted_ns), "{press:#?}");
    }
    // A local keyboard carries no key of somebody who came by ssh.
    let press = enter(true, LAPTOP, "48213", "48215").key_press;
    assert!(
        press.carriers.is_empty() && press.verdict.contains("no interrupt that could have carried it"),
        "{press:#?}"
    );
    assert_eq!(press.interrupts[0].by_cpu[0].cpu, 3);
    // A counter of 32 bits that passes its end has not gone back.
    let press = enter(false, DESKTOP, "4294967290   80113002", "         4   80113002").key_press;
    assert_eq!((press.interrupts[0].count, press.carriers[0].kind), (10, Kind::Timer), "{press:#?}");
}

#[test]
fn tables_of_many_kinds_of_machine_are_read() {
    for (table, cpus, sources) in [(GUEST, 2, 35), (LAPTOP, 8, 23), (DESKTOP, 3, 13), (BOARD, 4, 13)] {
        let counters = Counters::parse(table).expect("a table");
        assert_eq!((counters.cpus.len(), counters.sources.len()), (cpus, sources));
        let sums = counters.sources.iter().filter(|source| source.counts.is_empty());
        assert!(sums.clone().all(|source| ["ERR", "MIS", "Err"].contains(&source.label.as_str())), "{counters:?}");
        assert!(sums.count() >= 1);
    }
    assert_eq!(Counters::parse(DESKTOP).expect("a table").cpus, [0, 1, 3], "one is offline");
    // As wide as a large server's, and as this machine's.
    let cpus: String = (0..512).filter(|cpu| *cpu != 17).map(|cpu| format!("{:>11}", format!("CPU{cpu}"))).collect();
    let wide = format!("{cpus}\n   1:{} IR-IO-APIC 1-edge i8042\n", format!("{:>11}", u32::MAX).repeat(511));
    let counters = Counters::parse(&wide).expect("a table");
    assert_eq!((counters.sources[0].counts.len(), counters.sources[0].handler()), (511, "i8042"));
    for name in ["interrupts", "softirqs"] {
        let text = fs::read_to_string(format!("/proc/{name}")).expect("Linux");
        assert!(!Counters::parse(&text).expect("a table").sources.is_empty());
    }
}

#[test]
fn terminals_are_told_apart() {
    let line = |name: &str| Line::of(Some(name), false);
    assert_eq!(["/dev/tty1", "/dev/tty12"].map(line), [Line::Console; 2]);
    assert_eq!(["/dev/ttyS0", "/dev/ttyAMA0", "/dev/ttyUSB1"].map(line), [Line::Serial; 3]);
    assert_eq!(
        [line("/dev/hvc0"), line("/dev/pts/3"), line("/dev/console")],
        [Line::Hypervisor, Line::Pseudo, Line::Unknown]
    );
    assert_eq!((Line::of(Some("/dev/pts/3"), true), Line::of(None, true)), (Line::Ssh, Line::Unknown));
}

/// `struct input_event`: Enter goes down.
fn enter_event(time: Duration) -> Vec<u8> {
    let word = |value: u64| usize::try_from(value).expect("a word").to_ne_bytes();
    let (seconds, micros) = (word(time.as_secs()), word(u64::from(time.subsec_micros())));
    [&seconds[..], &micros, &1_u16.to_ne_bytes(), &28_u16.to_ne_bytes(), &1_i32.to_ne_bytes()].concat()
}

#[test]
fn an_input_device_says_when_the_kernel_learnt_of_the_key() {
    for (age_ms, is_ours) in [(50, true), (5_000, false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = machine(folder.path(), LAPTOP);
        fs::create_dir_all(folder.path().join("class/input/event7/device")).expect("a folder");
        fs::write(folder.path().join("class/input/event7/device/name"), "A keyboard\n").expect("a name");
        fs::create_dir_all(&options.input).expect("a folder");
        let path = options.input.join("event7");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("a pipe in the device's place");
        let pressed = wait_while(&options, |mut user, _| {
            // A device can be opened for writing once somebody reads it.
            let mut device = OpenOptions::new().write(true).open(&path).expect("a device");
            thread::sleep(Duration::from_millis(20));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            device.write_all(&enter_event(now - Duration::from_millis(age_ms))).expect("an event");
            user.write_all(b"\r").expect("typed");
            Some(user)
        })
        .expect("a key press");
        let press = &pressed.key_press;
        assert_eq!(press.event_to_read_ns.is_some_and(|ns| ns >= 50_000_000), is_ours, "{press:?}");
        assert_eq!((press.device.is_some(), press.no_device.is_some()), (is_ours, !is_ours), "{press:?}");
        if is_ours {
            assert!(press.device.as_deref().is_some_and(|name| name.starts_with("A keyboard (")), "{press:?}");
            assert!(pressed.at + Duration::from_millis(50) <= Instant::now());
            assert_eq!(press.step().children.len(), 2);
        }
    }
}

#[tokio::test]
async fn the_timeline_begins_at_the_key() {
    let lab = Lab::start().expect("a lab");
    let session = lab.probe().open().expect("a session");
    let pressed = wait_while(&WaitOptions::default(), typing(b"\r")).expect("a key press");
    let report = session.run_from(&pressed, &lab.url("/")).await;
    assert_eq!(report.error, None);
    let press = report.key_press.as_ref().expect("a key press");
    let url = report.steps().next().expect("a step");
    assert!(url.span.start_ns >= press.span.end_ns(), "{press:?} {url:?}");
    let query = press.to_first_query_ns.expect("the lab is asked");
    assert!(query > url.span.start_ns && query < report.total.duration_ns, "{query} {url:?}");

    let timeline = report.timeline();
    assert_eq!(timeline.chapters[0].steps[0].phase, Phase::Key);
    let told = &timeline.chapters[0].story[0];
    assert!(told.what.starts_with("the key came through a pseudo-terminal"), "{told:?}");
    assert!(told.details.iter().any(|detail| detail.contains("to the first DNS query")), "{told:?}");
    for picture in [report.waterfall(&Waterfall::default()), report.to_svg(), report.to_html()] {
        assert!(picture.contains("Enter, through /dev/pts/"), "{picture}");
    }
    let json = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report").key_press, report.key_press);
    let without = session.run(&lab.url("/")).await;
    assert!(!serde_json::to_string(&without).expect("JSON").contains("key_press"));
}
