"""The language of searches, and what they find, as in the page's ``assets/search``."""
