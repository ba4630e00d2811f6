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

    /// Who is said to have signed what this key did, with these certificates in it.
    fn signer(&self, key: &KeyPair, certificates: &[&CertificateDer<'_>]) -> Signer {
        let staple = staple_by(&self.leaf, &self.issuer, (key, certificates), Told::now(Says::Good)).expect("a staple");
        answer(self.read(&staple)).signer
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
    let alone = read(&[&made.leaf]);
    assert!(matches!(alone.signer, Signer::NotChecked { .. }) && alone.is_for_this_certificate, "{alone:?}");
    // The issuer has the same name, and another key.
    assert_eq!(read(&[&made.leaf, stranger.issuer.der()]), alone);
    let of_strangers_key = staple(&made.leaf, &stranger.issuer, Says::Good).expect("a staple");
    assert!(!answer(made.read(&of_strangers_key)).is_for_this_certificate);
}

#[test]
fn the_issuer_is_who_signed_the_certificate_wherever_it_stands_in_the_chain() {
    let (made, stranger) = (Made::new(), Made::new());
    let (leaf, real, fake) = (&made.leaf, made.issuer.der(), stranger.issuer.der());
    let genuine = staple(leaf, &made.issuer, Says::Good).expect("a staple");
    let told = Told::now(Says::Good);
    let (responder, key) = (Delegate::good(&stranger), KeyPair::generate().expect("a key"));
    let forged = [
        staple(leaf, &stranger.issuer, Says::Good),
        staple_by(leaf, &made.issuer, (stranger.issuer.key(), &[]), told),
        staple_by(leaf, &stranger.issuer, (&key, &[responder.certificate(&key).der()]), told),
        staple_by(leaf, &made.issuer, (&key, &[responder.certificate(&key).der()]), told),
    ];
    let signer = |staple: &[u8], chain: &[&CertificateDer<'_>]| answer(Staple::parse(staple, chain)).signer;
    for forged in forged.map(|staple| staple.expect("a staple")) {
        let unseen = signer(&forged, &[leaf, fake]);
        assert!(matches!(unseen, Signer::NotChecked { .. }), "{unseen:?}");
        for chain in [[leaf, fake, real], [leaf, real, fake]] {
            let nobody = signer(&forged, &chain);
            assert!(matches!(nobody, Signer::Nobody { .. }), "{nobody:?}");
        }
    }
    for fakes in 0..8 {
        let chain = [&[leaf], &vec![fake; fakes][..], &[real]].concat();
        assert_eq!(signer(&genuine, &chain), Signer::Issuer, "{fakes}");
    }
    let too_long = signer(&genuine, &[&[leaf], &[fake; 8][..], &[real]].concat());
    assert!(matches!(too_long, Signer::NotChecked { .. }), "{too_long:?}");
}

#[test]
fn an_answer_is_good_from_its_first_moment_to_its_last() {
    let made = Made::new();
    let told = Told::now(Says::Good);
    let staple = staple_by(&made.leaf, &made.issuer, (made.issuer.key(), &[]), told).expect("a staple");
    let (since, until) = (told.since.unix_timestamp(), told.until.expect("an end").unix_timestamp());
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

#[test]
fn an_answer_without_an_end_is_good_for_ten_days() {
    let made = Made::new();
    let told = Told { until: None, ..Told::now(Says::Good) };
    let staple = staple_by(&made.leaf, &made.issuer, (made.issuer.key(), &[]), told).expect("a staple");
    let since = told.since.unix_timestamp();
    let at = |now| answer(Staple::parse_at(&staple, &[&made.leaf, made.issuer.der()], now));
    let ten_days = Duration::days(10).whole_seconds();
    assert_eq!((at(since).next_update_unix_s, at(since).signer), (None, Signer::Issuer));
    assert_eq!(Staple::Answer(at(since + ten_days)).complaint(), None);
    for late in [at(since + ten_days + 1), at(since + 1000 * ten_days)] {
        assert!(late.is_stale);
        let complaint = Staple::Answer(late).complaint().expect("a complaint");
        assert!(complaint.starts_with("the staple is stale: it is of 20"), "{complaint}");
    }
}

#[test]
fn a_status_is_good_revoked_or_unknown() {
    let made = Made::new();
    let good = staple(&made.leaf, &made.issuer, Says::Good).expect("a staple");
    // The status is empty, and the time of the answer comes next.
    let place = good.windows(4).position(|part| part == b"\x80\x00\x18\x0f").expect("a status");
    let with = |tag: u8| {
        let mut changed = good.clone();
        changed[place] = tag;
        made.read(&changed)
    };
    assert_eq!(answer(with(0x80)).status, Revocation::Good);
    assert_eq!(answer(with(0x82)).status, Revocation::Unknown);
    for (tag, what) in [(0x40, "another class"), (0xc0, "another class"), (0x02, "another class"), (0x83, "but 3")] {
        let read = with(tag);
        assert!(matches!(&read, Staple::Unreadable { reason } if reason.ends_with(what)), "{tag:#04x}: {read:?}");
    }
}

/// What a delegate's certificate is, beside whose key is in it.
struct Delegate<'a> {
    by: &'a Made,
    usage: ExtendedKeyUsagePurpose,
    since: OffsetDateTime,
    until: OffsetDateTime,
}

impl<'a> Delegate<'a> {
    fn good(by: &'a Made) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { by, usage: ExtendedKeyUsagePurpose::OcspSigning, since: now - Duration::DAY, until: now + Duration::DAY }
    }

    fn certificate(&self, key: &KeyPair) -> rcgen::Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a responder");
        params.extended_key_usages = vec![self.usage.clone()];
        (params.not_before, params.not_after) = (self.since, self.until);
        let by: &Issuer<'_, KeyPair> = &self.by.issuer;
        params.signed_by(key, by).expect("a certificate")
    }

    /// Who is said to have signed a staple about the certificate. Its own one stands behind so many of others.
    fn signer(&self, made: &Made, others: usize) -> Signer {
        let key = KeyPair::generate().expect("a key");
        let certificate = self.certificate(&key);
        let mut certificates = vec![made.issuer.der(); others];
        certificates.push(certificate.der());
        made.signer(&key, &certificates)
    }
}

#[test]
fn a_delegate_is_by_the_issuer_for_this_purpose_and_still_good() {
    let (made, stranger) = (Made::new(), Made::new());
    let now = OffsetDateTime::now_utc();
    let good = || Delegate::good(&made);
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
fn of_a_delegates_certificates_one_that_is_good_is_enough() {
    let (made, key) = (Made::new(), KeyPair::generate().expect("a key"));
    let good = || Delegate::good(&made);
    let expired = Delegate { until: OffsetDateTime::now_utc() - Duration::MINUTE, ..good() }.certificate(&key);
    let of_a_server = Delegate { usage: ExtendedKeyUsagePurpose::ServerAuth, ..good() }.certificate(&key);
    let renewed = good().certificate(&key);
    let signer = |certificates: [&rcgen::Certificate; 2]| made.signer(&key, &certificates.map(|one| one.der()));
    for certificates in [[&expired, &renewed], [&renewed, &expired]] {
        let signer = signer(certificates);
        assert!(matches!(&signer, Signer::Delegate { name } if name.contains("a responder")), "{signer:?}");
    }
    for (certificates, why) in
        [([&expired, &of_a_server], "expired at 20"), ([&of_a_server, &expired], "is not for signing such answers")]
    {
        let signer = signer(certificates);
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
    let signer = made.signer(made.issuer.key(), &[other.der()]);
    assert!(matches!(&signer, Signer::Nobody { reason } if reason == "it names another signer"), "{signer:?}");
}

#[test]
fn a_staple_that_is_cut_or_changed_is_never_a_panic_nor_signed() {
    let made = Made::new();
    let whole = staple(&made.leaf, &made.issuer, Says::Revoked).expect("a staple");
    let unchanged = answer(made.read(&whole));
    assert!(
        matches!(unchanged.status, Revocation::Revoked { reason: Some(_), .. }) && unchanged.signer == Signer::Issuer
    );
    let mut read = 0;
    for end in 0..whole.len() {
        assert!(matches!(made.read(&whole[..end]), Staple::Unreadable { .. }), "{end}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x41;
        if let Staple::Answer(told) = made.read(&changed) {
            read += 1;
            let is_signed = matches!(told.signer, Signer::Issuer | Signer::Delegate { .. });
            assert!(!is_signed || told == unchanged, "{place}: {told:?}");
        }
    }
    assert!(read > 50, "{read} of them can be read");
    assert_eq!(made.read(b"\x30\x03\x0a\x01\x03"), Staple::NoAnswer { status: "tryLater".to_owned() });
}
