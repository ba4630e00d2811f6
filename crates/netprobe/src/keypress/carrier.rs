//! Which interrupts may have carried a key. Counts alone cannot say: the kind of terminal and the names of drivers do most of it.

use serde::{Deserialize, Serialize};

use super::Change;

/// What an interrupt's source is, by the names of its drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A PS/2 keyboard's controller, or one like it.
    Keyboard,
    /// A USB host controller: it asks the keyboard again and again, and interrupts when there is an answer.
    Usb,
    /// A bus inside the machine that laptops' keyboards are on.
    I2c,
    /// A keyboard that the hypervisor plays.
    VirtioInput,
    /// A serial line: the key was pressed at its other end.
    Serial,
    /// A console that the hypervisor plays.
    VirtioConsole,
    /// A network card: the key was pressed on another machine.
    Network,
    /// One processor tells another that there is something to run.
    Processor,
    /// A timer.
    Timer,
    /// Disks, graphics, and the rest.
    Other,
}

/// The terminal that a key comes through, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Line {
    /// `/dev/tty1`: the machine's own keyboard and screen.
    Console,
    /// `/dev/ttyS0`, `/dev/ttyAMA0`, `/dev/ttyUSB0`: a serial line.
    Serial,
    /// `/dev/hvc0`: the hypervisor's console.
    Hypervisor,
    /// `/dev/pts/3` with a user who came by ssh.
    Ssh,
    /// `/dev/pts/3`: another process of this machine wrote the character: a terminal's window, tmux, a test.
    Pseudo,
    /// Another.
    Unknown,
}

/// A source that may have carried the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// What it is.
    pub kind: Kind,
    /// Its label among the interrupts.
    pub source: String,
    /// Who handles it.
    pub handler: String,
    /// How often it interrupted.
    pub count: u64,
    /// How often in the time before, which is at least as long.
    pub idle_count: Option<u64>,
}

impl Line {
    /// Tells it from a terminal's name, and whether the user came by ssh.
    #[must_use]
    pub fn of(terminal: Option<&str>, by_ssh: bool) -> Self {
        let name = terminal.and_then(|terminal| terminal.strip_prefix("/dev/")).unwrap_or_default();
        let is_numbered = |prefix: &str| {
            let number = name.strip_prefix(prefix);
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if name.starts_with("pts/") {
            return if by_ssh { Self::Ssh } else { Self::Pseudo };
        }
        if is_numbered("hvc") {
            return Self::Hypervisor;
        }
        match is_numbered("tty") {
            true => Self::Console,
            false if name.starts_with("tty") && name.len() > 3 => Self::Serial,
            false => Self::Unknown,
        }
    }

    /// The kinds of source that may carry a key to such a terminal, the likeliest first.
    fn kinds(self) -> &'static [Kind] {
        use Kind::{I2c, Keyboard, Network, Processor, Serial, Timer, Usb, VirtioConsole, VirtioInput};
        match self {
            Self::Console => &[Keyboard, VirtioInput, Usb, I2c],
            Self::Serial => &[Serial, Usb],
            Self::Hypervisor => &[VirtioConsole, Serial],
            Self::Ssh => &[Network, Processor, Timer],
            // A window's user has a keyboard; a program has none.
            Self::Pseudo => &[Keyboard, VirtioInput, Usb, I2c, Serial, VirtioConsole, Network, Processor, Timer],
            Self::Unknown => &[Keyboard, VirtioInput, Usb, I2c, Serial, VirtioConsole, Network, Timer],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Console => "the machine's own console",
            Self::Serial => "a serial line",
            Self::Hypervisor => "the hypervisor's console",
            Self::Ssh => "a pseudo-terminal of ssh",
            Self::Pseudo => "a pseudo-terminal: another process of this machine handed the character over",
            Self::Unknown => "a terminal of an unknown kind",
        }
    }
}

impl Kind {
    /// Tells it from an interrupt's label, its handler and, for a device on the virtio bus, its driver.
    #[must_use]
    pub fn of(label: &str, handler: &str, driver: Option<&str>) -> Self {
        let handler = handler.to_ascii_lowercase();
        let has = |names: &[&str]| names.iter().any(|name| handler.contains(name));
        match driver {
            Some("virtio_input") => return Self::VirtioInput,
            Some("virtio_console") => return Self::VirtioConsole,
            Some("virtio_net") => return Self::Network,
            Some(_) => return Self::Other,
            None => {}
        }
        let is_number = label.bytes().all(|byte| byte.is_ascii_digit());
        if has(&["timer", "hpet"]) || label == "LOC" {
            return Self::Timer;
        }
        if !is_number {
            let between = ["RES", "CAL"].contains(&label) || label.starts_with("IPI");
            return if between { Self::Processor } else { Self::Other };
        }
        if has(&["i8042", "atkbd", "keyboard", "gpio-keys", "cros_ec", "applespi"]) {
            Self::Keyboard
        } else if has(&["xhci", "ehci", "ohci", "uhci", "dwc2", "dwc3", "dwc_otg", "musb"]) {
            Self::Usb
        } else if has(&["i2c", "hid"]) {
            Self::I2c
        } else if has(&["ttys", "ttyama", "ttyusb", "serial", "uart", "pl011"]) {
            Self::Serial
        } else if has(&["hvc"]) {
            Self::VirtioConsole
        } else if is_network(&handler) {
            Self::Network
        } else {
            Self::Other
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Keyboard => "the keyboard's controller",
            Self::Usb => "the USB controller, which keyboards, mice and disks share",
            Self::I2c => "the bus that built-in keyboards and touchpads are on",
            Self::VirtioInput => "the hypervisor's keyboard",
            Self::Serial => "the serial line",
            Self::VirtioConsole => "the hypervisor's console",
            Self::Network => "the network card",
            Self::Processor => "one processor that woke another",
            Self::Timer => "a timer",
            Self::Other => "another device",
        }
    }
}

/// Names that systemd and the kernel give to network interfaces (`eth0`, `enp3s0`, `wlan0`), and those of drivers that name queues
/// by themselves.
fn is_network(handler: &str) -> bool {
    let interface = |word: &str| {
        let known =
            ["eth", "eno", "ens", "enp", "enx", "wlan", "wlp", "iwlwifi", "mlx", "ena-", "ixgbe", "i40e", "gve"];
        known.iter().any(|prefix| word.starts_with(prefix)) || word.ends_with("txrx") || word.contains("-txrx-")
    };
    handler.split([' ', ',']).any(interface)
}

/// Those of the changes that may have carried the key: of a kind that fits the terminal, and at least twice as busy as before. Timers
/// and network cards never rest: a little more than before says nothing.
pub(super) fn carriers(line: Line, interrupts: &[Change]) -> Vec<Carrier> {
    let carrier = |change: &Change| Carrier {
        kind: Kind::of(&change.source, &change.handler, change.driver.as_deref()),
        source: change.source.clone(),
        handler: change.handler.clone(),
        count: change.count,
        idle_count: change.idle_count,
    };
    let rank = |carrier: &Carrier| line.kinds().iter().position(|kind| *kind == carrier.kind);
    let busier = interrupts.iter().filter(|change| stands_out(change)).map(carrier);
    let mut carriers: Vec<Carrier> = busier.filter(|carrier| rank(carrier).is_some()).collect();
    carriers.sort_by_key(rank);
    carriers
}

fn stands_out(change: &Change) -> bool {
    change.is_busier() && change.idle_count.is_none_or(|idle| change.count >= idle.saturating_mul(2))
}

/// What the carriers tell, in plain words.
pub(super) fn verdict(line: Line, carriers: &[Carrier], has_interrupts: bool) -> String {
    let through = format!("the key came through {}", line.name());
    if !has_interrupts {
        return format!("{through}; which interrupts carried it cannot be told: they could not be counted");
    }
    let Some(first) = carriers.first() else {
        return format!(
            "{through}; no interrupt that could have carried it was busier than before: it was missed, or no device took part"
        );
    };
    let before = match first.idle_count {
        Some(0) => "never in the time before, which is at least as long".to_owned(),
        Some(idle) => format!("{idle} times in the time before, which is at least as long"),
        None => "and nothing was counted before to compare with".to_owned(),
    };
    let times = if first.count == 1 { "once".to_owned() } else { format!("{} times", first.count) };
    let no_keyboard = match first.kind {
        Kind::Keyboard | Kind::VirtioInput | Kind::Usb | Kind::I2c => "",
        _ => "no keyboard's interrupt was seen; ",
    };
    format!(
        "{through}; {no_keyboard}what fits best is {}: interrupt {} ({}) came {times}, {before}. Counted at the same time, not \
         followed: this is no proof",
        first.kind.told(),
        first.source,
        first.handler
    )
}
