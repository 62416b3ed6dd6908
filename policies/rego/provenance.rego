# Values that decide where something goes, or which record is changed, come from the person who asks.
package gatehouse

vouched := {"user", "constant", "resolved"}

unvouched contains name if {
	some name, kind in input.tool.kinds
	decides_where(kind)
	input.args[name] != null
	not vouched[object.get(input.provenance, name, "unknown")]
}

decides_where("redirects")

decides_where("selects") if input.tool.risk != "read"

confirmations contains {"code": "value_not_from_requester", "text": text} if {
	is_known
	some name in unvouched
	text := concat("", ["The value of ", name, " did not come from the person who asks."])
}
