//! Where the draft contradicts itself: its inputs, its formula, what follows, and what it prints.
//!
//! Contract: what follows is computed here, from the tables of `pattern::draft`; only what the draft prints
//! is quoted.

use super::model;
use super::types::Remark;
use crate::pattern::draft::{KV_CONFIGS, MODELS};

/// What Table 6 prints, for B = 128, BF16, N = 96.
const PRINTED_T_DISPATCH: [&str; 4] = ["2.1 MB/GPU", "29 MB/GPU", "14 MB/GPU", "58 MB/GPU"];

/// What Table 8 prints at 4K, 32K and 128K tokens.
const PRINTED_S_KV: [[&str; 3]; 4] = [
    ["0.25 GB", "2.0 GB", "8.0 GB"],
    ["1.3 GB", "10.5 GB", "42.0 GB"],
    ["12.3 GB", "98.6 GB", ">300 GB"],
    ["0.67 GB", "5.4 GB", "21.5 GB"],
];

/// What there is to say.
#[must_use]
pub fn of(remark: Remark) -> Vec<model::Remark> {
    match remark {
        Remark::TDispatch => t_dispatch(),
        Remark::KvCache => kv_cache(),
        Remark::Opcode => vec![model::Remark {
            about: "Opcode of the last packet of a signalled RDMA WRITE".to_owned(),
            inputs: "a message of two packets or more, completed by immediate data".to_owned(),
            ours: "0x09, RC RDMA WRITE Last with Immediate (IBTA Vol 1, table \"OpCode field\"); 0x0B is RDMA WRITE \
                   Only with Immediate, of a message of one packet"
                .to_owned(),
            draft: "0x0B (Appendix C)".to_owned(),
        }],
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes into text")]
fn megabytes(bytes: u64) -> String {
    format!("{bytes} bytes = {:.3} MB", bytes as f64 / 1e6)
}

fn t_dispatch() -> Vec<model::Remark> {
    let (batch, precision, ranks) = (128_u64, 2_u64, 96_u64);
    MODELS
        .iter()
        .zip(PRINTED_T_DISPATCH)
        .map(|((_, model), printed)| {
            let whole = batch * u64::from(model.top_k) * u64::from(model.hidden) * precision;
            model::Remark {
                about: format!("T_dispatch of {} (Table 6)", model.name),
                inputs: format!(
                    "B = {batch}, k = {}, H_model = {}, P_bytes = {precision}, N = {ranks}",
                    model.top_k, model.hidden
                ),
                ours: format!(
                    "B*k*H_model*P_bytes/N = {}, for a pair of ranks (as Appendix D uses it); undivided {}, for a rank",
                    megabytes(whole / ranks),
                    megabytes(whole)
                ),
                draft: printed.to_owned(),
            }
        })
        .collect()
}

fn kv_cache() -> Vec<model::Remark> {
    let contexts = [4096_u64, 32_768, 131_072];
    let mut remarks = Vec::new();
    for ((name, config), printed) in KV_CONFIGS.iter().zip(PRINTED_S_KV) {
        let sizes = contexts.map(|context| config.bytes(context).unwrap_or(u64::MAX));
        let said = |bytes: u64| {
            #[expect(clippy::cast_precision_loss, reason = "sizes into text")]
            let gigabytes = bytes as f64 / 1e9;
            format!("{gigabytes:.2} GB")
        };
        remarks.push(model::Remark {
            about: format!("S_KV of {name} (Table 8)"),
            inputs: format!(
                "L = {}, H_kv = {}, D = {}, P_bytes = {}, C = 4,096, 32,768 and 131,072",
                config.layers, config.kv_heads, config.head_dim, config.precision
            ),
            ours: format!("2*L*H_kv*D*C*P_bytes = {}", sizes.map(said).join(", ")),
            draft: printed.join(", "),
        });
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_stand_side_by_side() {
        let all = of(Remark::TDispatch);
        // 128 · 4 · 7168 · 2 = 7,340,032; / 96 = 76,458.67.
        assert!(all[1].ours.contains("76458 bytes = 0.076 MB") && all[1].ours.contains("7340032 bytes = 7.340 MB"));
        assert_eq!(all[1].draft, "29 MB/GPU");
        let kv = of(Remark::KvCache);
        assert!(kv[0].ours.ends_with("0.54 GB, 4.29 GB, 17.18 GB"), "{}", kv[0].ours);
        assert_eq!(kv[0].draft, "0.25 GB, 2.0 GB, 8.0 GB");
    }
}
