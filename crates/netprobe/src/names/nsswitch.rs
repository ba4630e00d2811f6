//! The name service switch: who is asked for a host's address, and in which order (nsswitch.conf(5)).

/// The largest file that is read.
pub(super) const BYTES_MAX: u64 = 1 << 20;

/// The most services of one line.
const SERVICES_MAX: usize = 32;

/// Who is asked, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `files`, `dns`, `resolve`, `mdns4_minimal`, …
    pub name: String,
    /// What differs from the rule that success ends the search and everything else goes on.
    actions: Vec<Action>,
}

/// What came of asking a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Addresses.
    Success,
    /// It works, and has none.
    NotFound,
    /// It is not there.
    Unavailable,
    /// It did not answer this time.
    TryAgain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Action {
    negated: bool,
    on: Found,
    stop: bool,
}

impl Service {
    fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), actions: Vec::new() }
    }

    /// Whether the search ends here.
    #[must_use]
    pub fn ends_search(&self, found: Found) -> bool {
        let applies = |action: &&Action| (action.on == found) != action.negated;
        self.actions.iter().rev().find(applies).map_or(found == Found::Success, |action| action.stop)
    }
}

/// The services of the line `hosts:`; files, then DNS, if there is none.
#[must_use]
pub fn host_services(file: &[u8]) -> Vec<Service> {
    let text = String::from_utf8_lossy(file);
    let line = text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (database, services) = line.split_once(':')?;
        database.trim().eq_ignore_ascii_case("hosts").then_some(services)
    });
    let services = line.map(parse).unwrap_or_default();
    if services.is_empty() { vec![Service::plain("files"), Service::plain("dns")] } else { services }
}

/// `files mdns4_minimal [NOTFOUND=return] dns`
fn parse(line: &str) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && services.len() < SERVICES_MAX {
        if let Some(inside) = rest.strip_prefix('[') {
            let (actions, after) = inside.split_once(']').unwrap_or((inside, ""));
            if let Some(service) = services.last_mut() {
                service.actions.extend(actions.split_whitespace().take(SERVICES_MAX).filter_map(action));
            }
            rest = after.trim_start();
        } else {
            let end = rest.find(|letter: char| letter.is_whitespace() || letter == '[').unwrap_or(rest.len());
            services.push(Service::plain(&rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    services
}

/// `NOTFOUND=return`, `!UNAVAIL=return`, `SUCCESS=merge`
fn action(text: &str) -> Option<Action> {
    let (on, reaction) = text.split_once('=')?;
    let (negated, on) = on.strip_prefix('!').map_or((false, on), |on| (true, on));
    let on = match on.to_ascii_lowercase().as_str() {
        "success" => Found::Success,
        "notfound" => Found::NotFound,
        "unavail" => Found::Unavailable,
        "tryagain" => Found::TryAgain,
        _ => return None,
    };
    match reaction.to_ascii_lowercase().as_str() {
        "return" => Some(Action { negated, on, stop: true }),
        "continue" | "merge" => Some(Action { negated, on, stop: false }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str) -> Vec<String> {
        host_services(file.as_bytes()).into_iter().map(|service| service.name).collect()
    }

    #[test]
    fn the_order_is_that_of_the_line() {
        let debian =
            "passwd: files systemd\nhosts:          files mdns4_minimal [NOTFOUND=return] dns myhostname # x\n";
        assert_eq!(names(debian), ["files", "mdns4_minimal", "dns", "myhostname"]);
        assert_eq!(names("hosts:dns[!UNAVAIL=return]files"), ["dns", "files"]);
        for none in ["", "hosts:", "#hosts: dns", "passwd: files", "hosts: [NOTFOUND=return]"] {
            assert_eq!(names(none), ["files", "dns"], "{none}");
        }
    }

    #[test]
    fn actions_say_when_the_search_ends() {
        let services = host_services(b"hosts: dns [!UNAVAIL=return] files [success=continue bad=x NOTFOUND=return] db");
        let ends = |index: usize| {
            [Found::Success, Found::NotFound, Found::Unavailable, Found::TryAgain]
                .map(|found| services[index].ends_search(found))
        };
        assert_eq!(ends(0), [true, true, false, true]);
        assert_eq!(ends(1), [false, true, false, false]);
        assert_eq!(ends(2), [true, false, false, false]);
    }
}
