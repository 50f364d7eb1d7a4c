"""Whether a measured run can be believed: are its answers those that it gives without load, and is each request worked for anew?

In the manner of MLPerf Inference's compliance tests (mlcommons/inference, compliance/):

- TEST01, "Verify accuracy in performance mode", compares what a system answers under load with what it answers in accuracy mode. Here a
  seeded sample of the run's requests is asked again, of a fresh deployment and one by one (`answers`).
- TEST04, "Verify SUT is not caching samples", compares the usual load with one that repeats the same sample; more than 10 % faster
  fails, and samples of variable size are exempt. Here every payload of a sample is asked several times in a row (`repeats`), and each
  repeat compared with the first time of its own payload, so that sizes cancel out, and first times and repeats take turns in one load.

Of messages that a deployment takes only once (`RequestSource.once`) nothing can be repeated: for these classes the audit has no second
part, and says so. They are in the sample, since a fresh deployment has seen none of them.

Caches that the plan declares are no finding: a request whose choices took other arms than the first time (an answer found in the cache)
is not compared. A component that caches unseen takes the same arms, and answers faster.

Simulated (tests/benchmarks/bench_audit.py; 60 payloads, latencies of one request that spread by a factor of e^0.5): of honest systems
none in 2,000 fails and half pass, the others need more payloads; of systems that answer repeats in half the time 99.8 % fail.
"""
