"""Search, sampling and scoring with any step function, and `Translator`."""
