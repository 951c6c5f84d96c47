"""Train translators, go on with trained ones, or fit grey levels, and measure how good a translation is."""
