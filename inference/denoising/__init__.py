"""One canvas from noise to text: loop, sampler, schedule, stopping, pace."""
