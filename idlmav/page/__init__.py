"""The dashboard: its views in Panel and HoloViews, and the JavaScript in ``assets`` that links them in the browser."""
