# What code may reach.
package gatehouse

# However small the call is: what the code sends there cannot be seen beforehand.
approvals contains {"code": "egress_needs_approval", "text": "Code that reaches a host needs the approval of someone else."} if {
	is_known
	input.tool.risk == "code"
	count(input.args.egress) > 0
	not inside_declaration
}
