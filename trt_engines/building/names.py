"""What the files in a set's folder are called, beside plans and logs: whoever writes one takes its name from here.

So removing a set removes them all, and none is taken for the user's.
"""

MANIFEST = "engines.json"
CERTIFICATE = "certificate.json"  # of the last self-test
KERNELS = "kernels.cache"  # what TensorRT for RTX compiled while the engines ran
WAY = "streaming.json"  # in which way weights leave the card here
ATTEMPT = "attempt.json"  # what is under way on the card
LOCK = "build.lock"
WRITTEN = (MANIFEST, CERTIFICATE, KERNELS, WAY, ATTEMPT)  # by `write_whole`
