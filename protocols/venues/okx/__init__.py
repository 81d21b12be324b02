"""OKX API v5: what trading and spread trading share, and the dialect of trading. Facts as of the pages named in it."""
