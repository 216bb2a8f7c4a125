package simulator

import (
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
)

// rdsActions are the actions of RDS that there are.
func rdsActions() map[string]rdsAction {
	return map[string]rdsAction{
		"DescribeDBEngineVersions": action(schemas.DescribeDBEngineVersionsMessage, schemas.DBEngineVersionMessage,
			(*rds.Client).DescribeDBEngineVersions, (*Simulator).describeDBEngineVersions),

		"DescribeAccountAttributes": action(schemas.DescribeAccountAttributesMessage, schemas.AccountAttributesMessage,
			(*rds.Client).DescribeAccountAttributes, (*Simulator).describeAccountAttributes),

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

		"CreateDBClusterSnapshot": action(schemas.CreateDBClusterSnapshotMessage, schemas.CreateDBClusterSnapshotResult,
			(*rds.Client).CreateDBClusterSnapshot, (*Simulator).createDBClusterSnapshot),
		"DescribeDBClusterSnapshots": action(schemas.DescribeDBClusterSnapshotsMessage, schemas.DBClusterSnapshotMessage,
			(*rds.Client).DescribeDBClusterSnapshots, (*Simulator).describeDBClusterSnapshots),
		"DeleteDBClusterSnapshot": action(schemas.DeleteDBClusterSnapshotMessage, schemas.DeleteDBClusterSnapshotResult,
			(*rds.Client).DeleteDBClusterSnapshot, (*Simulator).deleteDBClusterSnapshot),

		"AddTagsToResource": action(schemas.AddTagsToResourceMessage, nil,
			(*rds.Client).AddTagsToResource, (*Simulator).addTagsToResource),
		"RemoveTagsFromResource": action(schemas.RemoveTagsFromResourceMessage, nil,
			(*rds.Client).RemoveTagsFromResource, (*Simulator).removeTagsFromResource),
		"ListTagsForResource": action(schemas.ListTagsForResourceMessage, schemas.TagListMessage,
			(*rds.Client).ListTagsForResource, (*Simulator).listTagsForResource),

		"DescribeEvents": action(schemas.DescribeEventsMessage, schemas.EventsMessage,
			(*rds.Client).DescribeEvents, (*Simulator).describeEvents),
		"DescribeDBLogFiles": action(schemas.DescribeDBLogFilesMessage, schemas.DescribeDBLogFilesResponse,
			(*rds.Client).DescribeDBLogFiles, (*Simulator).describeDBLogFiles),
		"DownloadDBLogFilePortion": action(schemas.DownloadDBLogFilePortionMessage, schemas.DownloadDBLogFilePortionDetails,
			(*rds.Client).DownloadDBLogFilePortion, (*Simulator).downloadDBLogFilePortion),
	}
}
