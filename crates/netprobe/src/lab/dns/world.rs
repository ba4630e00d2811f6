//! The zones of the lab, and who serves them.
//!
//! ```text
//! 127.0.2.1  .                     NSEC             refers to test. and example.
//! 127.0.2.2  test.                 NSEC3 opt-out    like com.: refers to whiteboard.test.
//! 127.0.2.3  example.              NSEC             another country
//! 127.0.2.4  whiteboard.test.      NSEC             every host; below it, zones of their own for faults of servers
//!            signed.whiteboard.test., unsigned.whiteboard.test.   on the same server as the zone above
//! 127.0.2.5  the faults' zones     NSEC             honest
//! 127.0.2.6  the faults' zones                      lies
//! 127.0.2.53 nothing                                a resolver, in the clear, behind TLS and behind HTTPS
//! ```

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData};

use super::proofs::Proof;
use super::serve::{Lie, Server};
use super::sites;
use super::zone::{Spoilt, Zone, name};
use crate::lab::Fault;
use crate::lab::fault::{WEB, ZONE};
use crate::lab::hosts::Host;

pub(super) const ROOT: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
const TEST: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 2);
const EXAMPLE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 3);
const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 4);
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 5);
const LIAR: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 6);

/// Labels in a chain of aliases that is longer than anybody follows.
const ALIASES: usize = 40;

/// The lab's name servers.
pub(super) struct World {
    pub(super) servers: Vec<(Ipv4Addr, Server)>,
    pub(super) anchor: String,
}

/// How a fault's zone is served.
struct Served {
    lie: Lie,
    /// An honest server is there as well.
    second: bool,
}

fn served(fault: Fault) -> Option<Served> {
    let (lie, second) = match fault {
        Fault::LameServer => (Lie::Lame, true),
        Fault::ServFail => (Lie::ServFail, true),
        Fault::SilentServer => (Lie::Silent, true),
        Fault::MalformedAnswer => (Lie::Malformed, true),
        Fault::EveryServerFails => (Lie::ServFail, false),
        Fault::Truncated => (Lie::Truncated, false),
        Fault::WrongId => (Lie::WrongId, false),
        Fault::WrongSource => (Lie::WrongSource, false),
        Fault::WrongCase => (Lie::WrongCase, false),
        Fault::LostQuery => (Lie::Lost, false),
        Fault::BogusServer => (Lie::Forged, true),
        Fault::HttpsRecordSilent => (Lie::SilentAboutSites, false),
        _ => return None,
    };
    Some(Served { lie, second })
}

impl World {
    /// `https_port` is that of the sites, `now` is in seconds since 1970, modulo 2³².
    pub(super) fn new(hosts: &[Host], https_port: u16, now: u32) -> Result<Self, String> {
        let mut root = Zone::new(".", &["a.root.test."], Proof::Nsec, now)?;
        let mut test = Zone::new("test.", &["a.nic.test."], Proof::Nsec3 { opt_out: true }, now)?;
        let mut example = Zone::new("example.", &["a.nic.example."], Proof::Nsec, now)?;
        let mut home = Zone::new(ZONE, &["ns1.whiteboard.test."], Proof::Nsec, now)?;
        let mut faults = Faults { now, zones: Vec::new(), stale: Vec::new(), lies: Vec::new(), home_lies: Vec::new() };

        test.put(&name("a.nic.test.")?, ip(TEST));
        test.put(&name("a.root.test.")?, ip(ROOT));
        example.put(&name("a.nic.example.")?, ip(EXAMPLE));
        example.put(&name("ns.elsewhere.example.")?, ip(HONEST));
        home.put(&name("ns1.whiteboard.test.")?, ip(HOME));
        home.put(&name("ns1.whiteboard.test.")?, RData::TXT(TXT::new(vec!["whiteboard".to_owned()])));
        home.put(&name("www.below.between.whiteboard.test.")?, ip(WEB));
        home.put(&name("www.below.denied.whiteboard.test.")?, ip(WEB));
        faults.home_lies.push((name("denied.whiteboard.test.")?, Lie::DeniesBetween));
        home.put(&name("*.wild.whiteboard.test.")?, ip(WEB));

        let all = Fault::ALL;
        sites::put(&mut home, https_port)?;
        for host in hosts {
            let fault = all.iter().find(|fault| fault.host() == host.name).copied();
            faults.add(host, fault, &mut home, &mut example)?;
            fault.map(|fault| sites::put_fault(&mut home, fault, &name(&host.name)?, https_port)).transpose()?;
        }
        let below = below_home(&mut home, now)?;
        test.delegate(&home, Some(&home), &[(name("ns1.whiteboard.test.")?, ip(HOME))]);
        root.delegate(&test, Some(&test), &[(name("a.nic.test.")?, ip(TEST))]);
        root.delegate(&example, Some(&example), &[(name("a.nic.example.")?, ip(EXAMPLE))]);
        root.put(&name("a.root.test.")?, ip(ROOT));

        let ds = root.ds(&Name::root()).ok_or("no anchor")?;
        let anchor = crate::dns::Anchor(ds).to_string();
        let finish = |zone: Zone| Arc::new(zone.finish());
        let zones: Vec<Arc<Zone>> = faults.zones.into_iter().map(finish).collect();
        let stale: Vec<Arc<Zone>> = faults.stale.into_iter().map(finish).collect();
        let is_current = |zone: &&Arc<Zone>| !stale.iter().any(|old| old.origin == zone.origin);
        let of_liar = zones.iter().filter(is_current).chain(&stale).map(Arc::clone).collect();
        let honest = |zones: Vec<Arc<Zone>>| Server { zones, lies: Vec::new() };
        let home = std::iter::once(home).chain(below).map(finish).collect();
        let servers = vec![
            (ROOT, honest(vec![finish(root)])),
            (TEST, honest(vec![finish(test)])),
            (EXAMPLE, honest(vec![finish(example)])),
            (HOME, Server { zones: home, lies: faults.home_lies }),
            (HONEST, honest(zones)),
            (LIAR, Server { zones: of_liar, lies: faults.lies }),
        ];
        Ok(Self { servers, anchor })
    }
}

struct Faults {
    now: u32,
    zones: Vec<Zone>,
    /// Old versions of zones, which the liar serves.
    stale: Vec<Zone>,
    /// Of the liar.
    lies: Vec<(Name, Lie)>,
    /// Of the server of `whiteboard.test.`, where the fault is in the parent.
    home_lies: Vec<(Name, Lie)>,
}

impl Faults {
    fn add(&mut self, host: &Host, fault: Option<Fault>, home: &mut Zone, example: &mut Zone) -> Result<(), String> {
        let owner = name(&host.name)?;
        let alias = |target: &str| Ok::<_, String>(RData::CNAME(CNAME(name(target)?)));
        let Some(fault) = fault else {
            host.addresses.iter().for_each(|address| home.put(&owner, data(*address)));
            return Ok(());
        };
        if let Some(Served { lie, second }) = served(fault) {
            let servers = [format!("ns1.{}", host.name), format!("ns2.{}", host.name)];
            let mut zone = self.zone(host, &servers[..1 + usize::from(second)])?;
            let mut glue = vec![(name(&servers[0])?, ip(LIAR))];
            glue.extend(second.then(|| name(&servers[1]).map(|name| (name, ip(HONEST)))).transpose()?);
            glue.iter().for_each(|(owner, address)| zone.put(owner, address.clone()));
            home.delegate(&zone, Some(&zone), &glue);
            self.zones.push(zone);
            self.lies.push((owner, lie));
            return Ok(());
        }
        match fault {
            Fault::NxDomain => {}
            Fault::NoData => home.put(&owner, RData::TXT(TXT::new(vec!["no address here".to_owned()]))),
            Fault::MissingProof => {
                home.put(&owner, RData::TXT(TXT::new(vec!["no address here".to_owned()])));
                self.home_lies.push((owner, Lie::NoProof));
            }
            Fault::CnameLoop => {
                let [second, third] = ["second", "third"].map(|label| format!("{label}.{}", host.name));
                home.put(&owner, alias(&second)?);
                home.put(&name(&second)?, alias(&third)?);
                home.put(&name(&third)?, alias(&host.name)?);
            }
            Fault::CnameLoopAcrossZones => {
                home.put(&owner, alias("loop.example.")?);
                example.put(&name("loop.example.")?, alias(&host.name)?);
            }
            Fault::EndlessAliases => {
                let link = |index: usize| format!("{index}.{}", host.name);
                home.put(&owner, alias(&link(0))?);
                for index in 0..ALIASES {
                    home.put(&name(&link(index))?, alias(&link(index + 1))?);
                }
            }
            Fault::StaleServer => {
                let servers = [format!("ns1.{}", host.name), format!("ns2.{}", host.name)];
                let glue = [(name(&servers[0])?, ip(LIAR)), (name(&servers[1])?, ip(HONEST))];
                // The old version is signed as well: keys are the same.
                let moved = Host { addresses: vec![WEB.into()], ..host.clone() };
                let (mut zone, mut stale) = (self.zone(&moved, &servers)?, self.zone(host, &servers)?);
                zone.set_serial(2);
                for (owner, address) in &glue {
                    zone.put(owner, address.clone());
                    stale.put(owner, address.clone());
                }
                home.delegate(&zone, Some(&zone), &glue);
                self.zones.push(zone);
                self.stale.push(stale);
            }
            Fault::SelfSignedDs => {
                let servers = [format!("ns2.{}", host.name)];
                let zone = self.zone(host, &servers)?;
                home.delegate(&zone, Some(&zone), &[(name(&servers[0])?, ip(HONEST))]);
                home.spoil(&owner, Spoilt::ByChild);
                self.zones.push(zone);
            }
            Fault::WrongDs => {
                let servers = [format!("ns2.{}", host.name)];
                let zone = self.zone(host, &servers)?;
                let other = Zone::new("somebody-else.test.", &[], Proof::Nsec, self.now)?;
                home.delegate(&zone, Some(&other), &[(name(&servers[0])?, ip(HONEST))]);
                self.zones.push(zone);
            }
            Fault::NsLoop => {
                let zone = self.zone(host, &["ns.ns-loop.example.".to_owned()])?;
                let other = Zone::new("ns-loop.example.", &[&format!("ns.{}.", host.name)], Proof::Nsec, self.now)?;
                home.delegate(&zone, Some(&zone), &[]);
                example.delegate(&other, Some(&other), &[]);
                self.zones.extend([zone, other]);
            }
            Fault::ForeignGlue => {
                let zone = self.zone(host, &["ns.elsewhere.example.".to_owned()])?;
                home.delegate(&zone, Some(&zone), &[]);
                self.zones.push(zone);
                self.home_lies.push((owner, Lie::ForeignGlue));
            }
            _ => {
                host.addresses.iter().for_each(|address| home.put(&owner, data(*address)));
                let spoilt = match fault {
                    Fault::BogusSignature => Some(Spoilt::Forged),
                    Fault::ExpiredSignature => Some(Spoilt::Expired),
                    Fault::MissingSignature => Some(Spoilt::Missing),
                    _ => None,
                };
                spoilt.into_iter().for_each(|how| home.spoil(&owner, how));
            }
        }
        Ok(())
    }

    /// A zone of a fault's own, with the host at its top.
    fn zone(&self, host: &Host, servers: &[String]) -> Result<Zone, String> {
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let mut zone = Zone::new(&host.name, &servers, Proof::Nsec, self.now)?;
        let owner = zone.origin.clone();
        host.addresses.iter().for_each(|address| zone.put(&owner, data(*address)));
        Ok(zone)
    }
}

/// Zones below `whiteboard.test.` on the same server, which therefore never refers to them: one signed, one not.
fn below_home(home: &mut Zone, now: u32) -> Result<Vec<Zone>, String> {
    let mut zones = Vec::new();
    for (origin, proof) in [("signed.whiteboard.test.", Proof::Nsec), ("unsigned.whiteboard.test.", Proof::None)] {
        let mut zone = Zone::new(origin, &["ns1.whiteboard.test."], proof, now)?;
        zone.put(&name(&format!("www.{origin}"))?, ip(WEB));
        home.delegate(&zone, (proof != Proof::None).then_some(&zone), &[]);
        zones.push(zone);
    }
    Ok(zones)
}

fn ip(address: Ipv4Addr) -> RData {
    data(IpAddr::V4(address))
}

fn data(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}
