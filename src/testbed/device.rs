//! Device strings: what EAL is asked to open.
//!
//! Left out on purpose: whether the device exists, which only EAL knows.

use super::Device;
use crate::devargs;
use crate::yaml::near;

/// Longest name that EAL gives a device (`RTE_DEV_NAME_MAX_LEN` less its NUL).
const MAX_NAME: usize = 63;

/// Longest device string that we pass on.
const MAX_ARGS: usize = 1024;

/// A device, or the one that was probably meant.
pub fn parse(text: &str) -> Result<Device, Option<String>> {
    let (name, rest) = text
        .split_once(',')
        .map_or((text, None), |(name, rest)| (name, Some(rest)));
    let sane = text.len() <= MAX_ARGS && !text.contains(char::is_control) && rest != Some("");
    if !sane || name.len() > MAX_NAME || name.contains(char::is_whitespace) {
        return Err(None);
    }
    if let Some(address) = devargs::canonical_pci(name) {
        let args = rest.map_or_else(|| address.clone(), |rest| format!("{address},{rest}"));
        return Ok(Device::Pci { address, args });
    }
    // EAL picks the driver whose name the device's name begins with. Others than those known, for the split of
    // `net_ring0` into driver and number, are accepted as long as they are near none of them.
    let known = devargs::drivers().find(|driver| name.starts_with(driver));
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let suggestion = || {
        let number = name.strip_prefix(stem).unwrap_or_default();
        let meant = near::nearest(stem, devargs::drivers())?;
        let number = if number.is_empty() { "0" } else { number };
        Some(rest.map_or_else(|| format!("{meant}{number}"), |rest| format!("{meant}{number},{rest}")))
    };
    let driver = match known {
        Some(driver) => (*driver).to_owned(),
        None if near::nearest(stem, devargs::drivers()).is_some() => return Err(suggestion()),
        None if name.starts_with("net_") && stem.len() > "net_".len() => stem.to_owned(),
        None => return Err(None),
    };
    let args = text.to_owned();
    Ok(Device::Vdev { driver, args })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vdev(driver: &str, args: &str) -> Result<Device, Option<String>> {
        let (driver, args) = (driver.to_owned(), args.to_owned());
        Ok(Device::Vdev { driver, args })
    }

    #[test]
    fn virtual_devices_are_split_as_eal_does() {
        let cases = [
            ("net_null0,no-rx=1", "net_null"),
            ("net_ring0", "net_ring"),
            ("net_ring_left", "net_ring"),
            ("net_af_packet3,iface=eth1", "net_af_packet"),
            ("net_vendor7", "net_vendor"),
        ];
        for (text, driver) in cases {
            assert_eq!(parse(text), vdev(driver, text), "{text}");
        }
    }

    #[test]
    fn pci_addresses_become_canonical() {
        let pci = |text: &str| match parse(text) {
            Ok(Device::Pci { address, args }) => (address, args),
            other => panic!("{text}: {other:?}"),
        };
        let full = "0000:3b:00.1".to_owned();
        assert_eq!(pci("3B:00.1"), (full.clone(), full.clone()));
        assert_eq!(
            pci("0000:3b:00.1,dv_flow_en=0"),
            (full.clone(), format!("{full},dv_flow_en=0"))
        );
        assert_eq!(pci("10000:01:1f.7").0, "10000:01:1f.7");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "eth0",
            "3b:00.8",
            "3b:20.0",
            "3b:00",
            "net_",
            "net_ring0,",
            "net ring0",
            "net_ring0\n",
            "g:00.0",
        ] {
            assert_eq!(parse(text), Err(None), "{text:?}");
        }
        assert_eq!(parse("net_nul0,no-rx=1"), Err(Some("net_null0,no-rx=1".to_owned())));
        assert_eq!(
            parse("af_packet0,iface=e"),
            Err(Some("net_af_packet0,iface=e".to_owned()))
        );
        assert_eq!(parse(&format!("net_ring{}", "0".repeat(80))), Err(None));
    }
}
