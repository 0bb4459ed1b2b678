//! Every value that switches something, with every other: each pair of choices is rendered at least once, and Kubernetes and the operator take
//! what comes out.

use super::chart::{Objects, chart, values};
use super::operator;
use std::collections::BTreeSet;
use upswell_testkit::manifests;

/// What can be chosen: in each row all that is mutually exclusive, as arguments of `--set`.
const SWITCHES: [&[&str]; 14] = [
    &[
        "replicas=1",
        "replicas=1,persistence.existingClaim=claim",
        "replicas=3,persistence.enabled=false,config.checkpoint.url=s3://b/p",
        "replicas=2,persistence.existingClaim=claim,persistence.accessModes={ReadWriteMany}",
        "replicas=0,persistence.storageClass=fast",
    ],
    &[
        "web.tls=false",
        "web.existingSecret=w",
        "web.existingSecret=w,web.tls=true",
        "web.existingSecret=w,web.tls=true,web.certificateSecret=c",
        "web.existingSecret=w,web.tls=true,web.certificateSecret=c,web.authorityKey=ca.crt",
    ],
    &[
        "serviceMonitor.enabled=false",
        "serviceMonitor.enabled=true",
        "serviceMonitor.enabled=true,serviceMonitor.scheme=https,serviceMonitor.tlsConfig.insecureSkipVerify=true",
        "serviceMonitor.enabled=true,serviceMonitor.labels.release=p,serviceMonitor.basicAuth.username.name=s,\
         serviceMonitor.basicAuth.username.key=u,serviceMonitor.basicAuth.password.name=s,serviceMonitor.basicAuth.password.key=p",
    ],
    &["prometheusRule.enabled=false", "prometheusRule.enabled=true,prometheusRule.labels.release=p"],
    &["existingConfigMap=", "existingConfigMap=mine"],
    &["existingSecret=", "existingSecret=mine"],
    &[
        "networkPolicy.enabled=false",
        "networkPolicy.enabled=true",
        "networkPolicy.enabled=true,networkPolicy.egress[0].to[0].ipBlock.cidr=10.0.0.0/8",
    ],
    &["podDisruptionBudget.enabled=false", "podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=50%"],
    &["ingress.enabled=false", "ingress.enabled=true,ingress.hosts={a.example.com,b.example.com},ingress.className=nginx"],
    &["serviceAccount.create=true", "serviceAccount.create=false", "serviceAccount.create=false,serviceAccount.name=mine"],
    &["dashboards.enabled=false", "dashboards.enabled=true"],
    &["staticMembership=false", "staticMembership=true", "staticMembership=true,env[0].name=A,env[0].value=b"],
    &["image.tag=", "image.tag=1.2.3", "image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000"],
    &[
        "nameOverride=",
        "nameOverride=other",
        "fullnameOverride=a-name-that-is-much-longer-than-the-fifty-letters-that-there-is-room-for",
    ],
];

/// One choice of each row.
type Choice = [usize; SWITCHES.len()];
/// Two rows, and what is chosen in them.
type Pair = (usize, usize, usize, usize);

fn pairs(choice: Choice) -> impl Iterator<Item = Pair> {
    (0..SWITCHES.len()).flat_map(move |one| (one + 1..SWITCHES.len()).map(move |other| (one, choice[one], other, choice[other])))
}

/// Choices in which each pair is at least once: row by row the one that brings most pairs which are still missing.
fn choices() -> Vec<Choice> {
    let mut missing: BTreeSet<Pair> = BTreeSet::new();
    for (one, first) in SWITCHES.iter().enumerate() {
        for (other, second) in SWITCHES.iter().enumerate().skip(one + 1) {
            missing.extend((0..first.len()).flat_map(|a| (0..second.len()).map(move |b| (one, a, other, b))));
        }
    }
    let mut out = Vec::new();
    while let Some(&(one, a, other, b)) = missing.first() {
        let mut choice: Choice = [0; SWITCHES.len()];
        (choice[one], choice[other]) = (a, b);
        for row in (0..SWITCHES.len()).filter(|row| ![one, other].contains(row)) {
            let gain = |option: usize| {
                let mut tried = choice;
                tried[row] = option;
                pairs(tried).filter(|pair| missing.contains(pair)).count()
            };
            choice[row] = (0..SWITCHES[row].len()).max_by_key(|option| gain(*option)).expect("a row has options");
        }
        for pair in pairs(choice) {
            missing.remove(&pair);
        }
        out.push(choice);
    }
    out
}

#[test]
fn every_two_choices_go_together() {
    let (mut everything, mut objects) = (String::new(), Vec::new());
    for choice in choices() {
        let sets: Vec<&str> = choice.iter().zip(SWITCHES).flat_map(|(option, row)| ["--set", row[*option]]).collect();
        let text =
            manifests::render(&chart(), &values("minimal-values.yaml"), &sets).unwrap_or_else(|said| panic!("{sets:?}: {said}"));
        objects.push(Objects::parse(&text));
        everything.push_str(&text);
    }
    assert!(operator::check(&objects) > 20);
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    std::fs::write(file.path(), everything).expect("the file");
    manifests::check_kubernetes(file.path());
}
