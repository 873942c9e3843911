"""Linear and logistic models in the formats of other scoring engines."""
