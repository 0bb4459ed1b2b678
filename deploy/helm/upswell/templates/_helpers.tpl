{{- define "upswell.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for "-headless" and for the ordinals of a stateful set. */}}
{{- define "upswell.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "upswell.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "upswell.selector" -}}
app.kubernetes.io/name: {{ include "upswell.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "upswell.labels" -}}
{{ include "upswell.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: upswell
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Other than those of the pods that serve, or services would send requests to the pod of `helm test`. */}}
{{- define "upswell.testLabels" -}}
app.kubernetes.io/name: {{ include "upswell.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "upswell.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "upswell.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "upswell.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "upswell.configMap" -}}
{{- default (include "upswell.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- define "upswell.scheme" -}}
{{- ternary "https" "http" .Values.web.tls }}
{{- end }}

{{- /* The name that leads to every pod, ready or not; where there is TLS the certificate has to cover it. */}}
{{- define "upswell.host" -}}
{{- printf "%s-headless.%s.svc" (include "upswell.fullname" .) .Release.Namespace }}
{{- end }}

{{- /* Pods are scraped by their addresses, which no certificate names: Prometheus has to be told the name to expect. */}}
{{- define "upswell.scrapeTls" -}}
{{- $tls := deepCopy .Values.serviceMonitor.tlsConfig }}
{{- if and (eq "https" (default (include "upswell.scheme" .) .Values.serviceMonitor.scheme)) (not $tls.insecureSkipVerify) }}
{{- if not (hasKey $tls "serverName") }}
{{- $_ := set $tls "serverName" (include "upswell.host" .) }}
{{- end }}
{{- if and .Values.web.authorityKey (not (or (hasKey $tls "ca") (hasKey $tls "caFile"))) }}
{{- $_ := set $tls "ca" (dict "secret" (dict "name" .Values.web.certificateSecret "key" .Values.web.authorityKey)) }}
{{- end }}
{{- end }}
{{- if $tls }}
{{- toYaml $tls }}
{{- end }}
{{- end }}

{{- /* What would install and then not work, or count wrongly, is refused with a sentence. */}}
{{- define "upswell.refuse" -}}
{{- $config := .Values.config }}
{{- if not .Values.existingConfigMap }}
{{- if not (dig "kafka" "brokers" "" $config) }}
{{- fail "set config.kafka.brokers, or existingConfigMap" }}
{{- end }}
{{- if not (hasSuffix ":9817" (dig "http" "listen" "" $config)) }}
{{- fail "config.http.listen has to end in :9817, the port of the container" }}
{{- end }}
{{- $place := dig "checkpoint" "url" "" $config }}
{{- $directory := hasPrefix "file:" $place }}
{{- if and (gt (int .Values.replicas) 1) $directory (not .Values.persistence.existingClaim) }}
{{- fail "several replicas share their checkpoints: set config.checkpoint.url to a bucket and persistence.enabled to false, or persistence.existingClaim to a volume that all of them can mount" }}
{{- end }}
{{- if and $directory (not .Values.persistence.enabled) }}
{{- fail "checkpoints in a directory need persistence.enabled; or set config.checkpoint.url to a bucket" }}
{{- end }}
{{- if .Values.prometheusRule.enabled }}
{{- if dig "alerts" "receivers" list $config }}
{{- fail "prometheusRule.enabled and config.alerts.receivers are two ways to tell of the same alerts: choose one" }}
{{- end }}
{{- $differs := or (hasKey $config "alerts") (hasKey $config "metrics") (dig "revenue" "windows" "" $config) (dig "kafka" "topics" "usage" "" $config) (dig "checkpoint" "interval" "" $config) }}
{{- if and $differs (not .Values.prometheusRule.rules) }}
{{- fail "the configuration has rules, windows, metrics, topics or intervals of its own: print its rules with `upswell rules --config FILE` and give them with --set-file prometheusRule.rules=FILE" }}
{{- end }}
{{- end }}
{{- end }}
{{- $named := and (not .Values.existingConfigMap) (dig "http" "web_config" "" $config) }}
{{- with .Values.web }}
{{- if and .existingSecret $named }}
{{- fail "web.existingSecret and config.http.web_config name two files for one thing: choose one" }}
{{- end }}
{{- if and .tls (not (or .existingSecret $named $.Values.existingConfigMap)) }}
{{- fail "web.tls says that Upswell serves TLS, and no file tells Upswell so: set web.existingSecret to a secret whose web.yml has a tls_server_config" }}
{{- end }}
{{- if and .certificateSecret (not .tls) }}
{{- fail "web.certificateSecret is of no use without TLS: set web.tls, and name /etc/upswell/tls/tls.crt and tls.key in web.yml" }}
{{- end }}
{{- if and .authorityKey (not .certificateSecret) }}
{{- fail "web.authorityKey is a key of web.certificateSecret: set that as well" }}
{{- end }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) .Values.persistence.existingClaim (not (has "ReadWriteMany" .Values.persistence.accessModes)) }}
{{- fail "persistence.existingClaim of several replicas has to be ReadWriteMany; say so in persistence.accessModes" }}
{{- end }}
{{- end }}
