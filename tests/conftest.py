"""What every test shares: how hypothesis looks for counterexamples. Fixtures stand beside the tests that use them."""

from hypothesis import settings

# No deadline: a law is about what is so, not about how fast this machine is.
settings.register_profile("house", deadline=None, print_blob=True)
settings.register_profile("soak", settings.get_profile("house"), max_examples=5_000)
settings.load_profile("house")
