//! The draft's named configurations: KV caches (Table 8) and mixture-of-experts models (Table 6).
//!
//! Contract: only the tables' inputs are here. Their printed sizes are not: CFG-A's does not follow
//! from the draft's own formula (0.54 GB at 4K context, not 0.25), nor do those of Table 6.

/// A row of Table 8, without the context length, which is the table's other axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvConfig {
    /// L.
    pub layers: u64,
    /// H_kv.
    pub kv_heads: u64,
    /// D.
    pub head_dim: u64,
    /// P_bytes.
    pub precision: u64,
}

const fn kv(layers: u64, kv_heads: u64, precision: u64) -> KvConfig {
    KvConfig {
        layers,
        kv_heads,
        head_dim: 128,
        precision,
    }
}

/// Table 8, rows A to D; E is the implementer's own.
pub const KV_CONFIGS: [(&str, KvConfig); 4] = [
    ("CFG-A", kv(32, 8, 2)),
    ("CFG-B", kv(80, 8, 2)),
    ("CFG-C", kv(96, 64, 2)),
    ("CFG-D", kv(80, 8, 1)),
];

impl KvConfig {
    /// S_KV = 2·L·H_kv·D·C·P (the draft's section 2 and Appendix E); `None` beyond 64 bits.
    #[must_use]
    pub fn bytes(&self, context: u64) -> Option<u64> {
        [self.layers, self.kv_heads, self.head_dim, context, self.precision]
            .into_iter()
            .try_fold(2u64, u64::checked_mul)
    }
}

/// A row of Table 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// Name of the row.
    pub name: &'static str,
    /// E.
    pub experts: u32,
    /// k.
    pub top_k: u32,
    /// H_model.
    pub hidden: u32,
}

const fn model(name: &'static str, experts: u32, top_k: u32, hidden: u32) -> (&'static str, Model) {
    let model = Model {
        name,
        experts,
        top_k,
        hidden,
    };
    (name, model)
}

/// Table 6, rows M1 to M4; M5 is the implementer's own.
pub const MODELS: [(&str, Model); 4] = [
    model("M1", 8, 2, 4096),
    model("M2", 64, 4, 7168),
    model("M3", 256, 2, 7168),
    model("M4", 256, 8, 7168),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kv_sizes_follow_the_drafts_formula() {
        let [a, b, c, d] = KV_CONFIGS.map(|(_, config)| config);
        // Appendix E, step 5, is CFG-B at 4,096 tokens.
        assert_eq!(b.bytes(4096), Some(1_342_177_280));
        // Table 8 prints 0.67, 5.4, 21.5.
        assert_eq!(d.bytes(4096), Some(671_088_640));
        assert_eq!(d.bytes(32_768), Some(5_368_709_120));
        assert_eq!(d.bytes(131_072), Some(21_474_836_480));
        assert_eq!(b.bytes(32_768), Some(10_737_418_240));
        assert_eq!(c.bytes(4096), Some(12_884_901_888));
        // Printed as 0.25 GB.
        assert_eq!(a.bytes(4096), Some(536_870_912));
        assert_eq!(c.bytes(u64::MAX), None);
    }
}
