"""The meaning of every line of the report: one legend per table or picture."""

LEGENDS: dict[str, str] = {
    "verdict": (
        "PASS: the whole 95 % interval lies inside the target; FAIL: wholly outside; INCONCLUSIVE: partly, or too few samples; "
        "NOT COMPARABLE: the reference was made on another system (its fingerprint differs or was never published), so nothing is judged. "
        "A reference that was recorded from several deployments is judged by how much these vary: PASS where the 90 % interval of the "
        "deviation lies inside the margin; FAIL where the figure is higher than chance explains (Student's t over deployments, Holm over "
        "the figures) and than the margin; else INCONCLUSIVE. An author's figure has a margin alone, and the interval decides. A quality "
        "target is judged held-out, by the protocol of the model's training, and in this run, on what the model answered: a classifier's "
        "calls with a known label, or responses that show the model's own output. Of the requests those count that no other AI task "
        "worked for before; where there are fewer than 20 of these, all count, and answers below the target are INCONCLUSIVE, not FAIL. "
        "An invariant of a state, as that of a ledger, is checked from the state itself when the run has ended: one violation FAILs."
    ),
    "latency": (
        "Milliseconds, with a 95 % interval that allows for dependent requests (batch quantiles on 5 batches in time order), and is "
        "wider where a few episodes of slow requests decide the figure, or few requests lie near it. "
        "Whole path, class and supplement: from the intended send time to the answer. Component: one call as the planner saw it; "
        "'planner' is the response time minus the calls on the critical path. In a percentile a failed, timed-out or unsent request, and a "
        "failed call, ranks as slower than all answers; 'beyond all answers': the percentile, or the upper end of its interval, lies among "
        "these. The mean is that of the successful ones. Cancelled calls, after another one of the request had failed, count nowhere. – : "
        "fewer than 20/(1−p) samples, so the percentile is not shown."
    ),
    "frames": (
        "From the intended time of a frame to its answer. Missed: answered after the deadline of its class. Dropped: it failed, timed out "
        "or was never sent. Jitter: the mean of how much the latencies of two consecutive answered frames of a stream differ (D of RFC "
        "3550, not smoothed). 95 % intervals: of shares Wilson's for losses in rows, or that of 5 batches where it "
        "reaches further; of jitter batch means. – : no deadline, or no frames of a stream."
    ),
    "moved": (
        "A task that keeps a state for each stream is called at one replica for all frames of a stream. When that is lost, the stream "
        "moves to the next one, where its state begins afresh, and stays there."
    ),
    "quality": (
        "The answers that the requests of this run received (cached ones too) against held-out truth; the notes say "
        "what that is, and what each metric means. A failed request counts as an empty answer. 95 % interval: bootstrap over users, or "
        "over payloads where the data set declares none. "
        "'all' is the measured mix; a class includes its supplement."
    ),
    "models": (
        "held-out: measured when the model was trained, by the protocol named. in this run: its calls in this run whose request "
        "has a known label. Baseline: the same protocol with the simplest rule; 'baseline wins' marks a model that does not beat "
        "it."
    ),
    "references": ("Figures of another system, for orientation: its hosts, models, data and load differ. Nothing is tuned towards them."),
    "ablation": (
        "The same requests, run again with one component's answers replaced by random ones or by its baseline: variant minus this run, in "
        "percentage points, paired on the request; 95 % interval: paired bootstrap, likewise. 'worse': the whole "
        "interval shows worse answers, so the component contributes something; 'baseline wins': replacing the model by its "
        "baseline does better."
    ),
    "ratios": (
        "The percentile of the whole path over that of the component. Near 1: this component determines the tail; large: it hardly "
        "matters. Failures rank as slower than all answers; there is no ratio of percentiles that reach into them."
    ),
    "fractions": (
        "Sum of the client-observed times of the calls before the response. Calls may overlap; on the critical path they do not."
    ),
    "paths": (
        "Traced back from the call that completed the response, each time to the call that was waited for. 'mean' is over all requests "
        "of the class, so a class's rows add up to its mean response time (from the actual send). Queue and service are as the server "
        "measured them; transport is the rest of the call. 'planner' is all time outside the calls."
    ),
    "planner": (
        "Per request: response time minus the client-observed call times on its critical path; per hop: divided by the calls on "
        "that path. Queue: from receipt to the first call."
    ),
    "prediction": (
        "Predicted by the compiler for the distilled graph from the tasks' mean service times alone: exponential service, no queueing, "
        "no transport, no planner. The difference to the measurement is the cost of those, not an error of the graph. Measured: the mean "
        "over successful requests; in the p99 failures rank as slower than all."
    ),
    "traffic": ("The measured window only: neither warm-up nor supplements."),
    "arrivals": (
        "Gaps between requests against a Poisson process of the declared rate (coefficient of variation 1). A small p says that "
        "they do not fit. Lateness: sent minus intended."
    ),
    "errors": ("Requests of the measured window that did not succeed. One failed call makes the request fail."),
    "choices": (
        "Expected: the share that the spec declares. Observed: of the successful requests that reached the choice, with Wilson's "
        "95 % interval; for an ordered fallback the requests that got as far as the arm. "
        "'differs': the expectation lies outside that interval."
    ),
    "machines": (
        "Over the measured window, as fractions of the CPU time of all processors of the machine. Other work: what ran and was not of this "
        "run; stolen: what the hypervisor gave to other virtual machines; tasks waited: the fraction of time in which some task, also of "
        "this run, waited for a processor (PSI). Hosts that are containers of one machine all show the whole machine. Busiest others: "
        "who took most of it during the load, of the processes that the host sees."
    ),
    "resources": ("Over the measured window, sampled about every half second; CPU as a fraction of one core."),
    "timeline": (
        "Requests in each second, by their intended time, counted from the start of the measured window. Shown are the seconds around "
        "those in which requests failed or were slow. Latency: of the successful requests."
    ),
    "generators": (
        "Each sends its shard of one seeded schedule (row i belongs to shard i mod N), and all begin at the same agreed instant. Lateness "
        "and CPU are judged for each."
    ),
    "clocks": (
        "The planner's monotonic clock minus the generator's, from the exchange with the smallest round trip of 32; half of that trip is "
        "the uncertainty. Drift: after the load minus before. A latency is measured by one clock and does not depend on this. The joint "
        "arrivals of all generators and the number of requests in flight do: INVALID if those could be wrong."
    ),
    "hosts": ("As reported by the hosts, with what was placed on each."),
    "validity": ("One violated check makes the run INVALID: its figures are shown, but prove nothing."),
    "provenance": ("observed: recorded from people or the world. composed: made by us from observed parts, by the rule in the note."),
    "picture distribution": (
        "For each latency the fraction of requests that took longer or failed: lower and further left is better. A curve "
        "ends where fewer than 20 requests took longer, or where only failures are left."
    ),
    "picture frames": (
        "Each frame of the stream that missed most (of several, the first): by its intended time, with its latency. Line: the deadline. "
        "Crosses at the top: dropped."
    ),
    "picture components": (
        "Percentiles of the whole path and of single calls, each with its 95 % interval, on a logarithmic axis. Not drawn: those whose "
        "interval lies beyond all answers."
    ),
    "picture ratios": (
        "At the dotted line the component's tail is the path's tail. Further right, the tail of the path comes from "
        "elsewhere, or from waiting."
    ),
    "picture paths": "The mean critical path: its segments add up to the mean response time, from the actual send to the answer.",
    "picture fractions": "The same as in the table: client-observed time of calls, summed over all requests.",
    "picture quality": "Answers of this run against held-out truth; failed requests count as empty answers.",
    "picture roc": (
        "Held-out: of captures compared with their own person's template the share that is accepted, against that of captures compared "
        "with another's, as the threshold falls: higher and further left is better. The dot is at the threshold chosen on other persons."
    ),
    "picture time": (
        "Requests in each second, by their intended time and by the time of their answer; median and slowest latency in each second; "
        "requests in flight, that is, sent and not yet answered. If their number keeps rising, the system is overloaded."
    ),
}
