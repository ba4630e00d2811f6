//! How a visit begins: what every program that visits a server can be told, and the lab if no server is named.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use netprobe::tls::{ClientIdentity, Roots};
use netprobe::{Lab, Probe};

/// Whom to trust, and how long to wait; by curl's names.
#[derive(Args)]
pub(crate) struct VisitArguments {
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// How long each step may take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: Option<u64>,
}

impl VisitArguments {
    /// A probe of the lab, or of the world without one, changed to what was asked for.
    pub(crate) fn probe(&self, lab: Option<&Lab>) -> Result<Probe, Box<dyn Error>> {
        let mut probe = lab.map_or_else(Probe::default, Lab::probe);
        if let Some(timeout_ms) = self.timeout_ms {
            probe = probe.with_timeout_ms(timeout_ms);
        }
        if let Some(file) = &self.cacert {
            probe.roots = Roots::Pem(read(file)?);
        }
        Ok(probe)
    }
}

/// The lab, unless a server is named. It lives until the probe is done.
pub(crate) fn lab_unless(named: Option<&String>) -> Result<Option<Lab>, Box<dyn Error>> {
    Ok(if named.is_none() { Some(Lab::start()?) } else { None })
}

/// Who we are, by curl's names.
#[derive(Args)]
pub(crate) struct IdentityArguments {
    /// Who we are, if the server asks: a PEM file with our certificate and those between it and a root
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key of our certificate, as PEM; without this it is in the file of --cert
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl IdentityArguments {
    /// Changes a probe to what was asked for.
    pub(crate) fn apply(&self, probe: &mut Probe) -> Result<(), Box<dyn Error>> {
        if let Some(cert) = &self.cert {
            let chain = read(cert)?;
            let key = self.key.as_deref().map(read).transpose()?;
            probe.identity = Some(ClientIdentity::from_pem(&chain, key.as_deref().unwrap_or(&chain))?);
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("cannot read {file:?}: {error}"))
}
