//! How long it takes to read profiles, and to calculate with what they permit.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use seccomp_tracer::profile::{Circumstances, KernelVersion, Meaning, base, compare, read, write};
use seccomp_tracer::syscall::{Abi, capability};
use std::hint::black_box;

static DOCKER: &str = include_str!("../../profiles/docker.json");

fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

/// Docker's default in every form that is read, and a file of a megabyte.
fn readers(criterion: &mut Criterion) {
    let circumstances = circumstances();
    let mut flat = base::docker().resolve(&circumstances);
    // What the operator's manifests can say.
    flat.rules.retain(|rule| !rule.names.is_empty());
    let manifest = write::spo(&flat, "docker").expect("nothing that a manifest cannot say");
    let rule = r#"{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 21505, "op": "SCMP_CMP_EQ"}]}"#;
    let rules = vec![rule; (1 << 20) / rule.len()].join(",\n");
    let large = format!("{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n{rules}]}}");
    let mut group = criterion.benchmark_group("read");
    for (name, text) in [
        ("docker", DOCKER),
        ("manifest", manifest.as_str()),
        ("large", large.as_str()),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| read::profile(black_box(text)).expect("a profile"));
        });
    }
    group.finish();
}

/// What a profile permits, and what it permits beyond another.
fn algebra(criterion: &mut Criterion) {
    let circumstances = circumstances();
    let docker = base::docker().resolve(&circumstances);
    let podman = base::podman().resolve(&circumstances);
    let meaning = |profile| Meaning::of(profile, Abi::X86_64);
    criterion.bench_function("resolve/docker", |bencher| {
        bencher.iter(|| base::docker().resolve(black_box(&circumstances)));
    });
    criterion.bench_function("meaning/docker", |bencher| {
        bencher.iter(|| meaning(black_box(&docker)));
    });
    for (name, one) in [("docker", &docker), ("podman", &podman)] {
        criterion.bench_function(&format!("beyond docker/{name}"), |bencher| {
            bencher.iter_batched(
                || (meaning(&docker), meaning(one)),
                |(base, one)| compare::beyond(&base, &one),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, readers, algebra);
criterion_main!(benches);
