package simulator

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
)

// rdsActions are the actions of RDS that there are.
func rdsActions() map[string]rdsAction {
	all := map[string]rdsAction{}
	for _, some := range []map[string]rdsAction{clusterActions(), instanceActions(), groupActions(), proxyActions(), otherActions()} {
		maps.Copy(all, some)
	}
	return all
}

// clusterActions are about DB clusters and their snapshots.
func clusterActions() map[string]rdsAction {
	return map[string]rdsAction{
		"DescribeDBClusters": action(schemas.DescribeDBClustersMessage, schemas.DBClusterMessage,
			(*rds.Client).DescribeDBClusters, (*Simulator).describeDBClusters),
		"CreateDBCluster": action(schemas.CreateDBClusterMessage, schemas.CreateDBClusterResult,
			(*rds.Client).CreateDBCluster, (*Simulator).createDBCluster),
		"RestoreDBClusterToPointInTime": action(schemas.RestoreDBClusterToPointInTimeMessage, schemas.RestoreDBClusterToPointInTimeResult,
			(*rds.Client).RestoreDBClusterToPointInTime, (*Simulator).restoreDBClusterToPointInTime),
		"ModifyDBCluster": action(schemas.ModifyDBClusterMessage, schemas.ModifyDBClusterResult,
			(*rds.Client).ModifyDBCluster, (*Simulator).modifyDBCluster),
		"DeleteDBCluster": action(schemas.DeleteDBClusterMessage, schemas.DeleteDBClusterResult,
			(*rds.Client).DeleteDBCluster, (*Simulator).deleteDBCluster),
		"FailoverDBCluster": action(schemas.FailoverDBClusterMessage, schemas.FailoverDBClusterResult,
			(*rds.Client).FailoverDBCluster, (*Simulator).failoverDBCluster),
		"StopDBCluster": action(schemas.StopDBClusterMessage, schemas.StopDBClusterResult,
			(*rds.Client).StopDBCluster, (*Simulator).stopDBCluster),
		"StartDBCluster": action(schemas.StartDBClusterMessage, schemas.StartDBClusterResult,
			(*rds.Client).StartDBCluster, (*Simulator).startDBCluster),
		"CreateDBClusterSnapshot": action(schemas.CreateDBClusterSnapshotMessage, schemas.CreateDBClusterSnapshotResult,
			(*rds.Client).CreateDBClusterSnapshot, (*Simulator).createDBClusterSnapshot),
		"DescribeDBClusterSnapshots": action(schemas.DescribeDBClusterSnapshotsMessage, schemas.DBClusterSnapshotMessage,
			(*rds.Client).DescribeDBClusterSnapshots, (*Simulator).describeDBClusterSnapshots),
		"DeleteDBClusterSnapshot": action(schemas.DeleteDBClusterSnapshotMessage, schemas.DeleteDBClusterSnapshotResult,
			(*rds.Client).DeleteDBClusterSnapshot, (*Simulator).deleteDBClusterSnapshot),
		"AddRoleToDBCluster": action(schemas.AddRoleToDBClusterMessage, nil,
			(*rds.Client).AddRoleToDBCluster, (*Simulator).addRoleToDBCluster),
		"RemoveRoleFromDBCluster": action(schemas.RemoveRoleFromDBClusterMessage, nil,
			(*rds.Client).RemoveRoleFromDBCluster, (*Simulator).removeRoleFromDBCluster),
	}
}

// instanceActions are about DB instances.
func instanceActions() map[string]rdsAction {
	return map[string]rdsAction{
		"DescribeDBInstances": action(schemas.DescribeDBInstancesMessage, schemas.DBInstanceMessage,
			(*rds.Client).DescribeDBInstances, (*Simulator).describeDBInstances),
		"CreateDBInstance": action(schemas.CreateDBInstanceMessage, schemas.CreateDBInstanceResult,
			(*rds.Client).CreateDBInstance, (*Simulator).createDBInstance),
		"ModifyDBInstance": action(schemas.ModifyDBInstanceMessage, schemas.ModifyDBInstanceResult,
			(*rds.Client).ModifyDBInstance, (*Simulator).modifyDBInstance),
		"RebootDBInstance": action(schemas.RebootDBInstanceMessage, schemas.RebootDBInstanceResult,
			(*rds.Client).RebootDBInstance, (*Simulator).rebootDBInstance),
		"DeleteDBInstance": action(schemas.DeleteDBInstanceMessage, schemas.DeleteDBInstanceResult,
			(*rds.Client).DeleteDBInstance, (*Simulator).deleteDBInstance),
		"DescribeDBLogFiles": action(schemas.DescribeDBLogFilesMessage, schemas.DescribeDBLogFilesResponse,
			(*rds.Client).DescribeDBLogFiles, (*Simulator).describeDBLogFiles),
		"DownloadDBLogFilePortion": action(schemas.DownloadDBLogFilePortionMessage, schemas.DownloadDBLogFilePortionDetails,
			(*rds.Client).DownloadDBLogFilePortion, (*Simulator).downloadDBLogFilePortion),
	}
}

// groupActions are about parameter groups.
func groupActions() map[string]rdsAction {
	return map[string]rdsAction{
		"CreateDBClusterParameterGroup": action(schemas.CreateDBClusterParameterGroupMessage, schemas.CreateDBClusterParameterGroupResult,
			(*rds.Client).CreateDBClusterParameterGroup, (*Simulator).createDBClusterParameterGroup),
		"DescribeDBClusterParameterGroups": action(schemas.DescribeDBClusterParameterGroupsMessage, schemas.DBClusterParameterGroupsMessage,
			(*rds.Client).DescribeDBClusterParameterGroups, (*Simulator).describeDBClusterParameterGroups),
		"DescribeDBClusterParameters": action(schemas.DescribeDBClusterParametersMessage, schemas.DBClusterParameterGroupDetails,
			(*rds.Client).DescribeDBClusterParameters, (*Simulator).describeDBClusterParameters),
		"ModifyDBClusterParameterGroup": action(schemas.ModifyDBClusterParameterGroupMessage, schemas.DBClusterParameterGroupNameMessage,
			(*rds.Client).ModifyDBClusterParameterGroup, (*Simulator).modifyDBClusterParameterGroup),
		"DeleteDBClusterParameterGroup": action(schemas.DeleteDBClusterParameterGroupMessage, nil,
			(*rds.Client).DeleteDBClusterParameterGroup, (*Simulator).deleteDBClusterParameterGroup),
		"CreateDBParameterGroup": action(schemas.CreateDBParameterGroupMessage, schemas.CreateDBParameterGroupResult,
			(*rds.Client).CreateDBParameterGroup, (*Simulator).createDBParameterGroup),
		"DescribeDBParameterGroups": action(schemas.DescribeDBParameterGroupsMessage, schemas.DBParameterGroupsMessage,
			(*rds.Client).DescribeDBParameterGroups, (*Simulator).describeDBParameterGroups),
		"DescribeDBParameters": action(schemas.DescribeDBParametersMessage, schemas.DBParameterGroupDetails,
			(*rds.Client).DescribeDBParameters, (*Simulator).describeDBParameters),
		"ModifyDBParameterGroup": action(schemas.ModifyDBParameterGroupMessage, schemas.DBParameterGroupNameMessage,
			(*rds.Client).ModifyDBParameterGroup, (*Simulator).modifyDBParameterGroup),
		"DeleteDBParameterGroup": action(schemas.DeleteDBParameterGroupMessage, nil,
			(*rds.Client).DeleteDBParameterGroup, (*Simulator).deleteDBParameterGroup),
		"DescribeEngineDefaultClusterParameters": action(schemas.DescribeEngineDefaultClusterParametersMessage,
			schemas.DescribeEngineDefaultClusterParametersResult,
			(*rds.Client).DescribeEngineDefaultClusterParameters, (*Simulator).describeEngineDefaultClusterParameters),
		"DescribeEngineDefaultParameters": action(schemas.DescribeEngineDefaultParametersMessage, schemas.DescribeEngineDefaultParametersResult,
			(*rds.Client).DescribeEngineDefaultParameters, (*Simulator).describeEngineDefaultParameters),
	}
}

// proxyActions are about RDS Proxy.
func proxyActions() map[string]rdsAction {
	return map[string]rdsAction{
		"CreateDBProxy": action(schemas.CreateDBProxyRequest, schemas.CreateDBProxyResponse,
			(*rds.Client).CreateDBProxy, (*Simulator).createDBProxy),
		"DescribeDBProxies": action(schemas.DescribeDBProxiesRequest, schemas.DescribeDBProxiesResponse,
			(*rds.Client).DescribeDBProxies, (*Simulator).describeDBProxies),
		"DescribeDBProxyTargetGroups": action(schemas.DescribeDBProxyTargetGroupsRequest, schemas.DescribeDBProxyTargetGroupsResponse,
			(*rds.Client).DescribeDBProxyTargetGroups, (*Simulator).describeDBProxyTargetGroups),
		"DescribeDBProxyTargets": action(schemas.DescribeDBProxyTargetsRequest, schemas.DescribeDBProxyTargetsResponse,
			(*rds.Client).DescribeDBProxyTargets, (*Simulator).describeDBProxyTargets),
		"RegisterDBProxyTargets": action(schemas.RegisterDBProxyTargetsRequest, schemas.RegisterDBProxyTargetsResponse,
			(*rds.Client).RegisterDBProxyTargets, (*Simulator).registerDBProxyTargets),
		"DeregisterDBProxyTargets": action(schemas.DeregisterDBProxyTargetsRequest, nil,
			(*rds.Client).DeregisterDBProxyTargets, (*Simulator).deregisterDBProxyTargets),
	}
}

// otherActions are about everything else.
func otherActions() map[string]rdsAction {
	return map[string]rdsAction{
		"DescribeAccountAttributes": action(schemas.DescribeAccountAttributesMessage, schemas.AccountAttributesMessage,
			(*rds.Client).DescribeAccountAttributes, (*Simulator).describeAccountAttributes),
		"DescribeDBEngineVersions": action(schemas.DescribeDBEngineVersionsMessage, schemas.DBEngineVersionMessage,
			(*rds.Client).DescribeDBEngineVersions, (*Simulator).describeDBEngineVersions),
		"AddTagsToResource": action(schemas.AddTagsToResourceMessage, nil,
			(*rds.Client).AddTagsToResource, (*Simulator).addTagsToResource),
		"RemoveTagsFromResource": action(schemas.RemoveTagsFromResourceMessage, nil,
			(*rds.Client).RemoveTagsFromResource, (*Simulator).removeTagsFromResource),
		"ListTagsForResource": action(schemas.ListTagsForResourceMessage, schemas.TagListMessage,
			(*rds.Client).ListTagsForResource, (*Simulator).listTagsForResource),
		"DescribeEvents": action(schemas.DescribeEventsMessage, schemas.EventsMessage,
			(*rds.Client).DescribeEvents, (*Simulator).describeEvents),
		"DescribeDBSubnetGroups": action(schemas.DescribeDBSubnetGroupsMessage, schemas.DBSubnetGroupMessage,
			(*rds.Client).DescribeDBSubnetGroups, (*Simulator).describeDBSubnetGroups),
		"DescribeEventSubscriptions": action(schemas.DescribeEventSubscriptionsMessage, schemas.EventSubscriptionsMessage,
			(*rds.Client).DescribeEventSubscriptions, (*Simulator).describeEventSubscriptions),
		"CreateEventSubscription": action(schemas.CreateEventSubscriptionMessage, schemas.CreateEventSubscriptionResult,
			(*rds.Client).CreateEventSubscription, (*Simulator).createEventSubscription),
		"AddSourceIdentifierToSubscription": action(schemas.AddSourceIdentifierToSubscriptionMessage, schemas.AddSourceIdentifierToSubscriptionResult,
			(*rds.Client).AddSourceIdentifierToSubscription, (*Simulator).addSourceIdentifierToSubscription),
		"RemoveSourceIdentifierFromSubscription": action(schemas.RemoveSourceIdentifierFromSubscriptionMessage,
			schemas.RemoveSourceIdentifierFromSubscriptionResult,
			(*rds.Client).RemoveSourceIdentifierFromSubscription, (*Simulator).removeSourceIdentifierFromSubscription),
	}
}
