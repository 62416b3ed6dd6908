# The one question that Gatehouse asks: may this call run, and whom to ask first?
#
# Every rule adds to one of four sets. The strictest set that is not empty wins: denials, then approvals, then
# confirmations, then permissions. With all four empty the default below denies. What an override lifts does not count. An
# approval that nobody could give is a denial too: `nobody_to_ask`.
package gatehouse

default decision := {
	"effect": "deny",
	"reasons": [{"code": "no_rule_matched", "text": "No rule allows this call."}],
	"approvers": null,
}

decision := {"effect": "deny", "reasons": listed(denials_in_force), "approvers": null} if {
	count(denials_in_force) > 0
} else := {"effect": "approve", "reasons": listed(approvals_in_force | confirmations_in_force), "approvers": approvers} if {
	count(approvals_in_force) > 0
} else := {"effect": "confirm", "reasons": listed(confirmations_in_force | standing_reasons), "approvers": null} if {
	count(confirmations_in_force) > 0
} else := {"effect": "allow", "reasons": listed(permissions), "approvers": null} if {
	count(permissions) > 0
}

# Whom a call of this kind asks, also where a rule of the installation is the only one that wants to ask.
default would_ask := null

would_ask := approvers

denials_in_force := in_force(denials)

approvals_in_force := in_force(approvals)

confirmations_in_force := in_force(confirmations)

listed(reasons) := [reason | some reason in reasons]
