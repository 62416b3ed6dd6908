# A call over budget is refused before anybody is asked about it. Whether it still fits is checked again when it runs, in
# Postgres, where two calls at once cannot both take the last of it.
package gatehouse

denials contains {"code": "budget_exceeded", "text": text} if {
	some budget in input.budgets
	budget.needed > budget.left
	text := concat("", ["The budget ", budget.name, " is not enough for this: ", budget.text, "."])
}

denials contains {"code": "budget_currency", "text": "There is a budget for this, but none in the currency or unit of this call."} if {
	input.uncovered
}
