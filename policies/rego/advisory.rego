# Tools that n8n runs itself, with a credential of its own. Gatehouse can be asked about them, and cannot hold them to
# the answer.
package gatehouse

denials contains {"code": "advisory_strict", "text": text} if {
	input.advisory
	class.strict
	text := "A call of this class runs in Gatehouse only. Use a Vault Credential node as the tool."
}
