-- What wrk measured, without its rounding: a line per figure.
done = function(summary, latency)
    io.write(string.format("requests=%d\nduration_us=%d\np99_us=%d\np999_us=%d\nmax_us=%d\n",
        summary.requests, summary.duration, latency:percentile(99), latency:percentile(99.9), latency.max))
end
