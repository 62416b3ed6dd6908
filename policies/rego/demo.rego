# Rules of the demo company.
package gatehouse

denials contains {"code": "export_forbidden", "text": "The customer list never leaves the company in one piece."} if {
	input.tool.name == "customers.export"
}
