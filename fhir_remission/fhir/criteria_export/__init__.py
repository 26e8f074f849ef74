"""A criteria set in the field's own language: CQL, Library and PlanDefinition."""
