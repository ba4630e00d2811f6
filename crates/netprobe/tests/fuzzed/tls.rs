//! Whatever the bytes, reading them as a staple (an OCSP response) and as a list of keys for an encrypted ClientHello gives one or says
//! what is wrong with it: no panic, no hang, and no more text than there was to read. What is said to be signed is what was signed.

use netprobe::tls::{EchKeys, Signer, Staple, StapledAnswer, TlsError};

/// The first is the certificate that the staples among the seeds are about, the second its issuer.
const CHAIN: [&[u8]; 2] = [include_bytes!("chain/leaf"), include_bytes!("chain/issuer")];

/// All that the issuer and its delegate have ever signed.
const SIGNED: [&[u8]; 3] =
    [include_bytes!("seeds/tls/good"), include_bytes!("seeds/tls/revoked"), include_bytes!("seeds/tls/delegated")];

/// An error is at most so much longer than what it is about, each byte of which may be written with several.
const WORDS_BYTES_MAX: usize = 1000;

/// Whether it is a staple, and whether it is a list of keys.
pub(crate) fn check(bytes: &[u8]) -> (bool, bool) {
    let staple = Staple::parse(bytes, &CHAIN);
    assert!(staple.to_string().len() <= 8 * bytes.len() + WORDS_BYTES_MAX);
    if let Staple::Answer(answer) = &staple
        && matches!(answer.signer, Signer::Issuer | Signer::Delegate { .. })
    {
        let is_same = |signed: &&[u8]| said(answer) == said(&answered(signed));
        assert!(SIGNED.iter().any(is_same), "nobody signed {answer:?}");
    }
    let keys = EchKeys::read("a.test", bytes);
    match &keys {
        Ok(keys) => assert!(bytes.windows(keys.public_name().len()).any(|part| part == keys.public_name().as_bytes())),
        Err(TlsError::EchKeys { reason, .. }) => assert!((1..WORDS_BYTES_MAX).contains(&reason.len())),
        Err(other) => panic!("{other:?}"),
    }
    (matches!(staple, Staple::Answer(_)), keys.is_ok())
}

fn answered(staple: &[u8]) -> StapledAnswer {
    match Staple::parse(staple, &CHAIN) {
        Staple::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// What does not depend on when it is read.
fn said(answer: &StapledAnswer) -> StapledAnswer {
    StapledAnswer { is_stale: false, is_premature: false, ..answer.clone() }
}
