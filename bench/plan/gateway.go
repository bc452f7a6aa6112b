package plan

import "github.com/mcploop/mcploop/bench/load"

// echoServer is the upstream of every gateway: a plain HTTP server with the sample tools.
func echoServer() []string { return []string{"{bin}/mcploop", "serve", "--http", "{addr}"} }

// gatewayRow is a gateway in front of echoServer.
func gatewayRow(name, transport, tool, config, cure string, command ...string) Row {
	return Row{
		Name: name, Command: command, Transport: transport, Tool: tool, Config: config,
		Beside: echoServer(), Cure: cure,
	}
}

// nginxConf has nginx pass everything on over connections that it keeps, in one process, so that
// its CPU time is all there.
const nginxConf = `daemon off;
master_process off;
pid {config}.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path {config}.body;
	proxy_temp_path {config}.proxy;
	fastcgi_temp_path {config}.fastcgi;
	uwsgi_temp_path {config}.uwsgi;
	scgi_temp_path {config}.scgi;
	keepalive_requests 1000000000;
	upstream behind {
		server {beside};
		keepalive 1024;
		keepalive_requests 1000000000;
	}
	server {
		listen {addr};
		location / {
			proxy_pass http://behind;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host {beside};
		}
	}
}
`

// ourUpstream and mcpProxyConf put the server into gateways' files.
const (
	ourUpstream  = `{"mcpServers": {"up": {"type": "http", "url": "http://{beside}/mcp"}}}`
	mcpProxyConf = `{"mcpProxy": {"baseURL": "http://{addr}", "addr": "{addr}", "name": "proxy",
"version": "1", "type": "streamable-http", "options": {"logEnabled": false}},
"mcpServers": {"up": {"url": "http://{beside}/mcp", "transportType": "streamable-http"}}}`
)

// gatewayPlan compares gateways in front of the same server, and the server without one.
func gatewayPlan() Plan {
	const modern, legacy = load.TransportHTTPModern, load.TransportHTTPLegacy
	ours := []string{"{bin}/mcploop", "serve", "-c", "{config}", "--http", "{addr}"}
	const install = "apt-get install nginx"
	nginx := []string{"nginx", "-e", "stderr", "-c", "{config}"}
	none := echoServer()
	sdk := func(name, transport string, args ...string) Row {
		command := []string{
			"{bin}/peers", "gosdk-gateway", "--addr", "{addr}", "--upstream", "http://{beside}/mcp",
		}
		return gatewayRow(name, transport, "echo", "", "make peers-build",
			append(command, args...)...)
	}
	mcpProxy := gatewayRow("mcp-proxy (Go) legacy", legacy, "echo", mcpProxyConf,
		"make peers-build", "{bin}/mcp-proxy", "--config", "{config}")
	mcpProxy.Path = "/up/"
	return Plan{
		Name: "gateway", Reference: "nginx modern",
		Rows: []Row{
			gatewayRow("mcploop modern", modern, "up__echo", ourUpstream, "", ours...),
			gatewayRow("nginx modern", modern, "echo", nginxConf, install, nginx...),
			gatewayRow("mcploop legacy", legacy, "up__echo", ourUpstream, "", ours...),
			gatewayRow("nginx legacy", legacy, "echo", nginxConf, install, nginx...),
			mcpProxy,
			sdk("go-sdk modern", modern, "--stateless", "--json"),
			sdk("go-sdk legacy", legacy, "--json"),
			{Name: "no gateway", Command: none, Transport: modern},
		},
		Cases: []Case{{"C=1 P=1", 1, 1, 0}, {"C=16 P=1", 16, 1, 0}, {"C=256 P=1", 256, 1, 0}},
	}
}

// gatewayStdioPlan compares gateways in front of one process that speaks over its standard input
// and output.
func gatewayStdioPlan() Plan {
	const legacy = load.TransportHTTPLegacy
	child := `{"mcpServers": {"up": {"command": "{bin}/mcploop", "args": ["serve", "--stdio"]}}}`
	node := func(name, tool string, args ...string) Row {
		return Row{
			Name: name, Transport: legacy, Cure: "make peers-ts", Config: "{}",
			Command: append([]string{"node", "bench/peers/ts/node_modules/" + tool}, args...),
		}
	}
	ours := func(name, transport string) Row {
		return Row{
			Name: name, Transport: transport, Tool: "up__echo", Config: child,
			Command: []string{"{bin}/mcploop", "serve", "-c", "{config}", "--http", "{addr}"},
		}
	}
	return Plan{
		Name: "gateway-stdio", Reference: "mcploop legacy",
		Rows: []Row{
			ours("mcploop legacy", legacy), ours("mcploop modern", load.TransportHTTPModern),
			node("supergateway", "supergateway/dist/index.js", "--stdio",
				"{bin}/mcploop serve --stdio", "--outputTransport", "streamableHttp", "--stateful",
				"--port", "{port}", "--logLevel", "none"),
			node("mcp-proxy (npm)", "mcp-proxy/dist/bin/mcp-proxy.mjs", "--host", "127.0.0.1",
				"--port", "{port}", "--server", "stream", "--",
				"{bin}/mcploop", "serve", "--stdio"),
		},
		Cases: []Case{{"C=64 P=1", 64, 1, 0}},
	}
}
