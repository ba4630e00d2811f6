use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer};

use super::*;
use crate::tls::{Revocation, Signer, Staple, StapledAnswer};

struct Made {
    leaf: CertificateDer<'static>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Made {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let by: &Issuer<'_, KeyPair> = &issuer;
        let leaf = CertificateParams::new(["a.test".to_owned()]).and_then(|params| params.signed_by(&key, by));
        Self { leaf: leaf.expect("a certificate").der().clone(), issuer }
    }

    fn read(&self, staple: &[u8]) -> Staple {
        Staple::parse(staple, &[&self.leaf, self.issuer.der()])
    }
}

fn answer(staple: Staple) -> StapledAnswer {
    match staple {
        Staple::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_staple_is_by_the_issuer_and_about_one_certificate_of_its_own() {
    let (made, stranger) = (Made::new(), Made::new());
    let good = staple(&made.leaf, &made.issuer, Says::Good).expect("a staple");
    let told = answer(made.read(&good));
    assert_eq!((&told.status, &told.signer, told.is_stale), (&Revocation::Good, &Signer::Issuer, false));
    assert!(told.is_for_this_certificate && told.next_update_unix_s > Some(told.this_update_unix_s));
    let read = |chain: &[&CertificateDer<'_>]| answer(Staple::parse(&good, chain));
    assert!(!read(&[&stranger.leaf, made.issuer.der()]).is_for_this_certificate);
    let foreign = read(&[&made.leaf, stranger.issuer.der()]);
    assert!(matches!(foreign.signer, Signer::Nobody { .. }), "{foreign:?}");
    assert!(!foreign.is_for_this_certificate, "the issuer has the same name, and another key");
    let alone = read(&[&made.leaf]);
    assert!(matches!(alone.signer, Signer::NotChecked { .. }) && alone.is_for_this_certificate, "{alone:?}");
}

#[test]
fn an_answer_is_good_from_its_first_moment_to_its_last() {
    let made = Made::new();
    let told = Told::now(Says::Good);
    let staple = staple_by(&made.leaf, &made.issuer, (made.issuer.key(), &[]), told).expect("a staple");
    let (since, until) = (told.since.unix_timestamp(), told.until.unix_timestamp());
    let at = |now| answer(Staple::parse_at(&staple, &[&made.leaf, made.issuer.der()], now));
    // Clocks may be wrong by five minutes where an answer is new.
    for (now, premature, stale) in [
        (since - 301, true, false),
        (since - 300, false, false),
        (since, false, false),
        (until, false, false),
        (until + 1, false, true),
    ] {
        assert_eq!((at(now).is_premature, at(now).is_stale), (premature, stale), "{}", now - since);
        assert_eq!(Staple::Answer(at(now)).complaint().is_some(), premature || stale);
    }
    let complaint = Staple::Answer(at(since - 301)).complaint().expect("a complaint");
    assert!(complaint.starts_with("the staple is not to be true before 20"), "{complaint}");
}

/// What a delegate's certificate is, beside whose key is in it.
struct Delegate<'a> {
    by: &'a Made,
    usage: ExtendedKeyUsagePurpose,
    since: OffsetDateTime,
    until: OffsetDateTime,
}

impl Delegate<'_> {
    /// Who is said to have signed a staple about the certificate. Its own one stands behind so many of others.
    fn signer(&self, made: &Made, others: usize) -> Signer {
        let (key, mut params) = (KeyPair::generate().expect("a key"), CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, "a responder");
        params.extended_key_usages = vec![self.usage.clone()];
        (params.not_before, params.not_after) = (self.since, self.until);
        let by: &Issuer<'_, KeyPair> = &self.by.issuer;
        let certificate = params.signed_by(&key, by).expect("a certificate");
        let mut certificates = vec![made.issuer.der(); others];
        certificates.push(certificate.der());
        let key = (&key, &certificates[..]);
        let staple = staple_by(&made.leaf, &made.issuer, key, Told::now(Says::Good)).expect("a staple");
        answer(made.read(&staple)).signer
    }
}

#[test]
fn a_delegate_is_by_the_issuer_for_this_purpose_and_still_good() {
    let (made, stranger) = (Made::new(), Made::new());
    let now = OffsetDateTime::now_utc();
    let good = || Delegate {
        by: &made,
        usage: ExtendedKeyUsagePurpose::OcspSigning,
        since: now - Duration::DAY,
        until: now + Duration::DAY,
    };
    for others in [0, 3] {
        let signer = good().signer(&made, others);
        assert!(matches!(&signer, Signer::Delegate { name } if name.contains("a responder")), "{signer:?}");
    }
    let signer = good().signer(&made, 4);
    assert!(matches!(&signer, Signer::Nobody { reason } if reason.contains("one of the 4 certificates")), "{signer:?}");
    for (delegate, why) in [
        (Delegate { usage: ExtendedKeyUsagePurpose::ServerAuth, ..good() }, "is not for signing such answers"),
        (Delegate { by: &stranger, ..good() }, "is not by the issuer"),
        (Delegate { until: now - Duration::MINUTE, ..good() }, "expired at 20"),
        (Delegate { since: now + 6 * Duration::MINUTE, ..good() }, "is not good before 20"),
    ] {
        let signer = delegate.signer(&made, 0);
        assert!(matches!(&signer, Signer::Nobody { reason } if reason.contains(why)), "{why}: {signer:?}");
    }
}

#[test]
fn a_staple_that_names_another_signer_is_nobodys() {
    let (made, stranger) = (Made::new(), Made::new());
    // By the issuer's key, in a stranger's name.
    let mut renamed = CertificateParams::default();
    renamed.distinguished_name.push(DnType::CommonName, "somebody else");
    let other = renamed.self_signed(stranger.issuer.key()).expect("a certificate");
    let key = (made.issuer.key(), &[other.der()][..]);
    let staple = staple_by(&made.leaf, &made.issuer, key, Told::now(Says::Good)).expect("a staple");
    let signer = answer(made.read(&staple)).signer;
    assert!(matches!(&signer, Signer::Nobody { reason } if reason == "it names another signer"), "{signer:?}");
}

#[test]
fn a_staple_that_is_cut_or_changed_is_never_a_panic_nor_signed() {
    let made = Made::new();
    let whole = staple(&made.leaf, &made.issuer, Says::Revoked).expect("a staple");
    assert!(matches!(answer(made.read(&whole)).status, Revocation::Revoked { reason: Some(_), .. }));
    for end in 0..whole.len() {
        assert!(matches!(made.read(&whole[..end]), Staple::Unreadable { .. }), "{end}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x41;
        // Whatever is read of it; what is about the certificate is signed.
        if let Staple::Answer(told) = made.read(&changed)
            && told.status == Revocation::Good
        {
            assert!(matches!(told.signer, Signer::Nobody { .. }), "{place}: {told:?}");
        }
    }
    assert_eq!(made.read(b"\x30\x03\x0a\x01\x03"), Staple::NoAnswer { status: "tryLater".to_owned() });
}
