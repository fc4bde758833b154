//! A scenario as the file has it.
//!
//! Contract: every key of the model is known here, and one that squall cannot follow is refused with the reason.

use std::collections::BTreeMap;

use serde_json::Value;

/// A number of picoseconds in a nanosecond.
const NS: f64 = 1e3;

/// The words `key=value` of scenario `name` of `file`, blank-separated.
///
/// # Errors
/// Names that are not there, with those that are.
pub fn args(file: &Value, name: &str) -> Result<String, String> {
    let names = |of: &str| -> String {
        let names = file[of]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let scenario = match &file["scenarios"][name] {
        Value::Null => return Err(format!("there is no scenario {name}; there are {}", names("scenarios"))),
        Value::Array(parts) => parts.clone(),
        whole @ Value::String(_) => vec![Value::from(""), whole.clone()],
        other => return Err(format!("scenario {name} is {other}, not [names of sets, key=value …]")),
    };
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or(format!("{name}: {value} is no text"))
    };
    let mut words = Vec::new();
    for part in &scenario {
        for word in text(part)?.split_whitespace() {
            if word.contains('=') {
                words.push(word.to_owned());
            } else {
                let set = file["sets"][word].as_str();
                words.push(
                    set.ok_or_else(|| format!("{name}: there is no set {word}; there are {}", names("sets")))?
                        .to_owned(),
                );
            }
        }
    }
    Ok(words.join(" "))
}

/// One sender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// When it begins and stops, in ms.
    pub start_ms: f64,
    /// `None`: at the end.
    pub stop_ms: Option<f64>,
    /// An application's limit, bits a second as limits count them.
    pub cap: Option<f64>,
    /// The class that it is counted with.
    pub class: u32,
    /// Payload bytes, where it is one message.
    pub size: Option<u64>,
}

/// Lengths of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// Payload bytes.
    pub payload: u64,
    /// With headers: what queues and byte counters count.
    pub frame: u64,
    /// What it takes of a link.
    pub wire: u64,
    /// What a limit counts.
    pub limited: u64,
}

/// How the reaction point is, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reaction {
    /// Between CNPs of a flow, µs.
    pub np_us: f64,
    /// Period of α, µs.
    pub k_us: f64,
    /// Period of increases, µs.
    pub ti_us: f64,
    /// Period of cuts, µs; `None`: a CNP cuts as it comes.
    pub td_us: Option<f64>,
    /// The weight of what is new in α.
    pub g: f64,
    /// α at the first CNP.
    pub alpha0: f64,
    /// Between increases by bytes; 0: there are none.
    pub bytes: f64,
    /// Additive step, bits a second.
    pub ai: f64,
    /// Hyper step.
    pub hai: f64,
    /// The floor.
    pub min: f64,
    /// The rate that the first CNP finds.
    pub first: Option<f64>,
    /// F.
    pub threshold: u32,
    /// A cut leaves this share.
    pub mindec: f64,
    /// Every polled cut sets the target to the rate.
    pub clamp: Option<bool>,
    /// So does one after an increase by time.
    pub clamptime: Option<bool>,
    /// Stages are counted before they are compared.
    pub postcmp: bool,
    /// With that, fast recovery while max ≤ F and hyper from min > F.
    pub fle: bool,
    /// A hyper step is as many as the stages of its phase.
    pub haimul: bool,
    /// A CNP raises α before it cuts.
    pub alphafirst: bool,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// All of it as `key=value …`.
    pub args: String,
    /// Lengths of a full frame.
    pub lengths: Lengths,
    /// Bits a second of all links.
    pub rate: f64,
    /// Of the receiver's, where that is another.
    pub brate: Option<f64>,
    /// From one end of a link to the other.
    pub propagation_ns: f64,
    /// From a frame's arrival at the switch to its queue.
    pub latency_ns: f64,
    /// Marks as a frame begins to leave, not as it joins.
    pub mark_at_dequeue: bool,
    /// Kmin, Kmax in bytes, Pmax.
    pub marking: (f64, f64, f64),
    /// XOFF and XON in bytes.
    pub pfc: Option<(f64, f64)>,
    /// How senders react; `None`: not at all.
    pub reaction: Option<Reaction>,
    /// The senders.
    pub flows: Vec<Flow>,
    /// The time that figures are of, ms.
    pub window_ms: (f64, f64),
}

/// What is said, key by key.
struct Words(BTreeMap<String, String>);

impl Words {
    fn number(&mut self, key: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.0.remove(key) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number
            .map(Some)
            .ok_or_else(|| format!("{key}={text}: {text} is no number"))
    }

    fn or(&mut self, key: &str, default: f64) -> Result<f64, String> {
        Ok(self.number(key)?.unwrap_or(default))
    }

    fn needed(&mut self, key: &str) -> Result<f64, String> {
        self.number(key)?.ok_or_else(|| format!("there is no {key}"))
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.number(key)? {
            None => Ok(None),
            Some(0.0) => Ok(Some(false)),
            Some(1.0) => Ok(Some(true)),
            Some(other) => Err(format!("{key}={other}: it is 0 or 1")),
        }
    }

    fn on(&mut self, key: &str) -> Result<bool, String> {
        Ok(self.flag(key)?.unwrap_or(false))
    }
}

impl Scenario {
    /// The scenario of `key=value` words; of a key that comes twice the last counts.
    ///
    /// # Errors
    /// What is missing, wrong, unknown, or cannot be followed.
    pub fn of(args: &str) -> Result<Scenario, String> {
        let mut words = Words(BTreeMap::new());
        for word in args.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("{word} is no key=value"))?;
            words.0.insert(key.to_owned(), value.to_owned());
        }
        let lengths = lengths(&mut words)?;
        let rate = above_zero("rate", words.needed("rate")?)?;
        let end_ms = above_zero("end_ms", words.needed("end_ms")?)?;
        let w0_ms = words.or("w0_ms", 0.0)?;
        if !(0.0..end_ms).contains(&w0_ms) {
            return Err(format!("w0_ms={w0_ms} is not before end_ms={end_ms}"));
        }
        let flows = flows(&mut words)?;
        // What the model samples, and where it looks for convergence; squall's figures of that are the suite's.
        for key in ["sample_us", "conv_from_ms", "cnp_bytes"] {
            words.number(key)?;
        }
        let delay = words.or("cnp_delay_ns", 0.0)?;
        if delay != 0.0 {
            return Err(format!(
                "cnp_delay_ns={delay}: a CNP of squall's is a frame and takes the time of one"
            ));
        }
        let xoff = words.number("xoff")?;
        let xon = words.number("xon")?;
        let marking = (words.needed("kmin")?, words.needed("kmax")?, words.or("pmax", 1.0)?);
        if !(0.0..=marking.1).contains(&marking.0) || !(0.0..=1.0).contains(&marking.2) {
            return Err(format!(
                "kmin={} kmax={} pmax={} are no thresholds",
                marking.0, marking.1, marking.2
            ));
        }
        let brate = words.number("brate")?.filter(|brate| *brate != rate);
        let scenario = Scenario {
            args: args.to_owned(),
            lengths,
            rate,
            brate,
            propagation_ns: words.or("prop_ns", 0.0)?,
            latency_ns: words.or("lat_ns", 0.0)?,
            mark_at_dequeue: words.on("markdeq")?,
            marking,
            pfc: xoff.map(|xoff| (xoff, xon.unwrap_or(xoff / 2.0))),
            reaction: reaction(&mut words, rate)?,
            flows,
            window_ms: (w0_ms, end_ms),
        };
        match words.0.keys().next() {
            Some(key) => Err(format!("{key} is no key of a scenario that squall knows")),
            None => Ok(scenario),
        }
    }

    /// Picoseconds of the time that figures are of.
    pub fn window_ps(&self) -> (u64, u64) {
        (picos(self.window_ms.0 * 1e6), picos(self.window_ms.1 * 1e6))
    }
}

/// Whole picoseconds of nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of runs")]
pub fn picos(ns: f64) -> u64 {
    (ns * NS).round() as u64
}

fn above_zero(key: &str, number: f64) -> Result<f64, String> {
    if number > 0.0 {
        Ok(number)
    } else {
        Err(format!("{key}={number} is not above zero"))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn whole(key: &str, number: f64) -> Result<u64, String> {
    let fits = (0.0..=1e15).contains(&number) && number.fract() == 0.0;
    if fits {
        Ok(number as u64)
    } else {
        Err(format!("{key}={number} is no whole number"))
    }
}

fn lengths(words: &mut Words) -> Result<Lengths, String> {
    let payload = whole("payload", words.needed("payload")?)?;
    let hdr = whole("hdr", words.needed("hdr")?)?;
    let gap = whole("gap", words.or("gap", 0.0)?)?;
    if !(64..=9000).contains(&payload) || hdr > 1000 || gap > 1000 {
        return Err(format!("payload={payload} hdr={hdr} gap={gap}: no frame is like that"));
    }
    let frame = payload + hdr;
    let limited = if words.on("ratewire")? { frame + gap } else { frame };
    Ok(Lengths {
        payload,
        frame,
        wire: frame + gap,
        limited,
    })
}

fn reaction(words: &mut Words, rate: f64) -> Result<Option<Reaction>, String> {
    let said = ["np_us", "k_us", "ti_us", "g", "ai"];
    if !said.iter().any(|key| words.0.contains_key(*key)) {
        return Ok(None);
    }
    let periodic = words.on("periodic")?;
    let td_us = words.number("td_us")?;
    let reaction = Reaction {
        np_us: words.needed("np_us")?,
        k_us: above_zero("k_us", words.needed("k_us")?)?,
        ti_us: above_zero("ti_us", words.needed("ti_us")?)?,
        td_us: if periodic {
            Some(above_zero("td_us", td_us.ok_or("periodic=1 needs td_us")?)?)
        } else {
            None
        },
        g: words.needed("g")?,
        alpha0: words.or("alpha0", 1.0)?,
        bytes: words.or("bytes", 0.0)?,
        ai: above_zero("ai", words.needed("ai")?)?,
        hai: above_zero("hai", words.needed("hai")?)?,
        min: above_zero("min", words.needed("min")?)?,
        first: words.number("rfc")?.filter(|first| *first > 0.0 && *first < rate),
        threshold: u32::try_from(whole("f", words.or("f", 5.0)?)?).map_err(|error| error.to_string())?,
        mindec: words.or("mindec", 0.0)?,
        clamp: words.flag("clamp")?,
        clamptime: words.flag("clamptime")?,
        postcmp: words.on("postcmp")?,
        fle: words.on("fle")?,
        haimul: words.on("haimul")?,
        alphafirst: words.on("alphafirst")?,
    };
    for (key, share) in [
        ("g", reaction.g),
        ("alpha0", reaction.alpha0),
        ("mindec", reaction.mindec),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("{key}={share} is not from 0 to 1"));
        }
    }
    if reaction.fle && !reaction.postcmp {
        return Err("fle=1 goes with postcmp=1: stages are counted first".to_owned());
    }
    Ok(Some(reaction))
}

/// `n` flows that are alike, or `flows=count:start_ms:stop_ms:cap:class:size,…`; −1 stops never, 0 is no cap and no size.
fn flows(words: &mut Words) -> Result<Vec<Flow>, String> {
    let size = words.number("size")?.filter(|size| *size > 0.0);
    let size = size.map(|size| whole("size", size)).transpose()?;
    let (n, listed) = (words.number("n")?, words.0.remove("flows"));
    let mut flows = Vec::new();
    match (n, listed) {
        (Some(n), None) => {
            let one = Flow {
                start_ms: 0.0,
                stop_ms: None,
                cap: None,
                class: 0,
                size,
            };
            flows = vec![one; usize::try_from(whole("n", n)?.min(1000)).unwrap_or(0)];
        }
        (None, Some(listed)) => {
            for group in listed.split(',') {
                let numbers: Option<Vec<f64>> = group.split(':').map(|number| number.parse().ok()).collect();
                let Some(&[count, start_ms, stop_ms, cap, class, of]) = numbers.as_deref() else {
                    return Err(format!("flows={group}: it is count:start_ms:stop_ms:cap:class:size"));
                };
                let of = if of > 0.0 { Some(whole("size", of)?) } else { size };
                let flow = Flow {
                    start_ms,
                    stop_ms: (stop_ms >= 0.0).then_some(stop_ms),
                    cap: (cap > 0.0).then_some(cap),
                    class: u32::try_from(whole("class", class)?).unwrap_or(u32::MAX),
                    size: of,
                };
                let count = usize::try_from(whole("count", count)?.min(1000)).unwrap_or(0);
                flows.extend(std::iter::repeat_n(flow, count));
            }
        }
        _ => return Err("a scenario has either n or flows".to_owned()),
    }
    if (1..=200).contains(&flows.len()) {
        Ok(flows)
    } else {
        Err(format!("{} flows; squall takes 1 to 200 here", flows.len()))
    }
}
