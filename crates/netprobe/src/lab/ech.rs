//! Keys to encrypt a ClientHello to (RFC 9849). rustls has no server that decrypts it: those of the lab go on with the public name.

use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use rustls::crypto::hpke::Hpke;

/// An ECHConfigList with one configuration, for X25519, HKDF-SHA256 and AES-128-GCM.
pub(crate) fn ech_config_list(public_name: &str) -> Result<Vec<u8>, String> {
    let (key, _) = DH_KEM_X25519_HKDF_SHA256_AES_128.generate_key_pair().map_err(|error| error.to_string())?;
    let mut contents = vec![7, 0x00, 0x20];
    contents.extend(vector(&key.0));
    contents.extend(vector(&[0x00, 0x01, 0x00, 0x01]));
    // No limit on the name's length that is worth hiding; the public name; no extensions.
    contents.push(0);
    contents.push(u8::try_from(public_name.len()).map_err(|error| error.to_string())?);
    contents.extend(public_name.as_bytes());
    contents.extend([0, 0]);
    let config = [&[0xfe, 0x0d], &vector(&contents)[..]].concat();
    Ok(vector(&config))
}

/// With its length in front.
fn vector(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}
