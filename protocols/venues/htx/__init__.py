"""HTX USDT-margined futures, v5 API. Facts as of the pages named in it; the old linear-swap API is not spoken."""
