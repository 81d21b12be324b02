"""OKX spread trading (Nitro Spreads), as a dialect over what all of OKX has in common (`protocols.venues.okx`)."""
