# A rule that overrides.yaml lifts, for the tools and until the time that it names. The gateway refuses an override of a
# rule that has to hold.
package gatehouse

overrides_of(code) := [entry |
	some entry in data.overrides[code]
	input.now < entry.until
	covers_tool(entry)
]

covers_tool(entry) if entry.tools == null

covers_tool(entry) if input.tool.name in entry.tools

in_force(reasons) := {reason | some reason in reasons; count(overrides_of(reason.code)) == 0}

# Where a question is lifted, the call runs by the word of whoever answers for the override.
permissions contains {"code": "override", "text": text} if {
	is_known
	some reason in (approvals | confirmations)
	some entry in overrides_of(reason.code)
	text := concat("", ["The rule ", reason.code, " is lifted until ", entry.until, "; ", entry.owner, " answers for it."])
}
