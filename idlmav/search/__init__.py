"""The search language and what it finds, as the page's ``assets/search`` does it."""
