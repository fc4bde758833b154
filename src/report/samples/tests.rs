use super::*;
use crate::report::model::{Clock, SampledProcess};

fn header() -> SampleHeader {
    SampleHeader {
        schema: SAMPLES_SCHEMA.to_owned(),
        name: "soak".to_owned(),
        pattern_sha256: "00".to_owned(),
        seed: 1,
        clock: Clock::Virtual,
        interval_ps: 10,
        planned_duration_ps: None,
        traffic: Vec::new(),
        ports: Vec::new(),
    }
}

fn sample(index: u64, segment: u32, to_ps: u64) -> Sample {
    Sample {
        index,
        segment,
        from_ps: to_ps - 10,
        to_ps,
        whole: true,
        last: false,
        traffic: Vec::new(),
        ports: Vec::new(),
        buffers_in_use: 0,
        process: SampledProcess {
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            resident_bytes: None,
            pause_ps: None,
        },
    }
}

#[test]
fn what_was_kept_is_read_and_gone_on_with_wherever_the_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let mut writer = Writer::create(folder.path(), &header()).unwrap();
    for index in 0..3 {
        writer.sample(&sample(index, 0, (index + 1) * 10)).unwrap();
    }
    drop(writer);
    let whole = std::fs::read(&path).unwrap();
    let third = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for cut in third..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let kept = if cut == whole.len() { 3 } else { 2 };
        assert_eq!(read(&path).unwrap().samples.len(), kept, "cut at {cut}");
        let earlier = Earlier::read(&path).unwrap();
        let expected = (kept as u64, 1, kept as u64 * 10);
        assert_eq!((earlier.samples, earlier.segments, earlier.done_ps), expected);
        let mut writer = Writer::go_on(folder.path(), &earlier).unwrap();
        writer.sample(&sample(earlier.samples, earlier.segments, 10)).unwrap();
        let all = read(&path).unwrap();
        assert_eq!(all.header, header());
        let indices: Vec<u64> = all.samples.iter().map(|sample| sample.index).collect();
        assert_eq!(indices, (0..=kept as u64).collect::<Vec<_>>());
        let again = Earlier::read(&path).unwrap();
        assert_eq!((again.segments, again.done_ps), (2, kept as u64 * 10 + 10));
    }
    // A line in the middle is not torn, it is wrong.
    std::fs::write(&path, [&whole[..third], b"{}\n", &whole[third..]].concat()).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("line 4: not a sample"), "{error}");
    std::fs::write(&path, b"{\"schema\":\"squall.samples/2\"}\n").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("squall.samples/1"));
    std::fs::write(&path, b"{\"schema\":\"squ").unwrap();
    assert!(read(&path).is_err());
}
